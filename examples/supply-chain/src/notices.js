// A page of notices, safe to show whatever people write.
import escape from 'escape-html';

export function page(notices) {
  const items = notices.map((notice) => `<li>${escape(notice)}</li>`);
  return `<!doctype html><title>Notices</title><ul>${items.join('')}</ul>`;
}
