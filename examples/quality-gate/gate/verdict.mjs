// The verdict over everybody's reports: `node gate/verdict.mjs REPORTS SUMMARY`. It also runs when others have failed, says
// what each of them found, and judges what none of them can: how much of the code is tested.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Lines that tests must reach, in per cent. */
const COVERAGE = 90;

const [reports, summary] = process.argv.slice(2);
const read = (tester, file) => {
  const path = join(reports, tester, 'reports', file);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
};

/** What a tester's report says, as text and as right or wrong. */
function judged(tester, file, judge) {
  const text = read(tester, file);
  return { tester, ...(text === undefined ? { right: false, says: 'no report' } : judge(text)) };
}

function tap(text) {
  const failed = Number(text.match(/^# fail (\d+)/m)?.[1] ?? NaN);
  const passed = Number(text.match(/^# pass (\d+)/m)?.[1] ?? NaN);
  return { right: failed === 0 && passed > 0, says: `${passed} passed, ${failed} failed` };
}

const all = [
  judged('lint', 'lint.json', (text) => {
    const errors = JSON.parse(text).reduce((count, file) => count + file.errorCount, 0);
    return { right: errors === 0, says: `${errors} errors` };
  }),
  judged('unit', 'tests.tap', tap),
  judged('unit', 'coverage-summary.json', (text) => {
    const { pct } = JSON.parse(text).total.lines;
    return { right: pct >= COVERAGE, says: `${pct} % of lines, ${COVERAGE} % are wanted` };
  }),
  judged('integration', 'tests.tap', tap),
  judged('licences', 'licences.json', (text) => {
    const packages = JSON.parse(text);
    const refused = packages.filter(({ allowed }) => !allowed);
    return { right: refused.length === 0, says: `${packages.length} packages, ${refused.length} refused` };
  }),
];
const lines = all.map(({ tester, right, says }) => `${right ? 'right' : 'WRONG'}  ${tester.padEnd(12)} ${says}`);
console.log(lines.join('\n'));
writeFileSync(summary, `${lines.join('\n')}\n`);
process.exit(all.every(({ right }) => right) ? 0 : 1);
