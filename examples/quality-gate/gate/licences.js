// What is installed may be shipped: `node gate/licences.js NODE_MODULES REPORT` ends with 1 if a licence is not known.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const KNOWN = ['Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];

const [modules, report] = process.argv.slice(2);
const names = readdirSync(modules).filter((name) => !name.startsWith('.'));
const packages = names.flatMap((name) =>
  name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => join(name, inner)) : [name],
);
const found = packages.filter((name) => existsSync(join(modules, name, 'package.json'))).map((name) => {
  const { version, license = 'none' } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8'));
  return { name, version, license, allowed: KNOWN.includes(license) };
});
writeFileSync(report, JSON.stringify(found, null, 2));
const refused = found.filter(({ allowed }) => !allowed);
refused.forEach(({ name, license }) => console.error(`${name} has the licence ${license}`));
process.exit(refused.length > 0 ? 1 : 0);
