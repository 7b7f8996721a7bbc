import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html } from 'htm/preact';
import { render } from 'preact-render-to-string';
import { addTask, allTasks } from '../src/api.js';
import { App, TaskList } from '../src/view.js';

const answering = (status, body) => async () => ({ ok: status < 400, json: async () => body });

test('tasks are listed, and what is done has no button', () => {
  const tasks = [{ id: 1, title: 'Water <plants>', done: false }, { id: 2, title: 'Rest', done: true }];
  const page = render(html`<${TaskList} tasks=${tasks} />`);
  assert.equal(page, '<ul><li>Water &lt;plants> <button>Done</button></li><li><s>Rest</s></li></ul>');
});

test('an error is shown above the tasks', () => {
  const page = render(html`<${App} tasks=${[]} error="no such task" />`);
  assert.match(page, /<p role="alert">no such task<\/p><p>Nothing to do\.<\/p>/);
});

test('what the server refuses is an error with its words', async () => {
  await assert.rejects(addTask('', answering(400, { error: 'title: too short' })), new Error('title: too short'));
  assert.deepEqual(await allTasks(answering(200, [])), []);
});
