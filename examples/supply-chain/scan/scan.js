// Looks for packages with known faults in the root of an image: `node scan.js ROOT ADVISORIES REPORT`.
//
// It reads what is installed there: npm packages wherever they lie, and Debian's own list. It exits with 1 if an advisory
// is about one of them, and writes what it saw either way.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { faults } from './match.js';

const [root, advisories, report] = process.argv.slice(2);

// What is the kernel's in a container.
const KERNEL = ['proc', 'sys', 'dev'].map((name) => join(root, name));

function* npm(directory) {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (!entry.isDirectory() || KERNEL.includes(path)) continue;
    const manifest = join(path, 'package.json');
    if (directory.includes('node_modules') && existsSync(manifest)) {
      const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'));
      if (name && version) yield { ecosystem: 'npm', name, version };
    }
    yield* npm(path);
  }
}

function* debian() {
  const status = join(root, 'var/lib/dpkg/status');
  if (!existsSync(status)) return;
  for (const paragraph of readFileSync(status, 'utf8').split('\n\n')) {
    const field = (name) => paragraph.match(new RegExp(`^${name}: (.*)$`, 'm'))?.[1];
    if (field('Package')) yield { ecosystem: 'debian', name: field('Package'), version: field('Version') };
  }
}

const packages = [...npm(root), ...debian()];
const found = faults(packages, JSON.parse(readFileSync(advisories, 'utf8')));
writeFileSync(report, JSON.stringify({ packages, found }, null, 2));
for (const { advisory, name, version } of found) console.error(`${advisory.id}: ${name} ${version}: ${advisory.summary}`);
console.log(`${packages.length} packages, ${found.length} with known faults`);
process.exit(packages.length === 0 || found.length > 0 ? 1 : 0);
