// Which packages an advisory is about.
import semver from 'semver';

export function faults(packages, advisories) {
  return packages.flatMap(({ ecosystem, name, version }) =>
    advisories
      .filter((advisory) => advisory.ecosystem === ecosystem && advisory.package === name)
      .filter((advisory) => isAffected(ecosystem, version, advisory.affected))
      .map((advisory) => ({ advisory, name, version })),
  );
}

// Debian's versions are named one by one: they are in no order that npm knows.
function isAffected(ecosystem, version, affected) {
  return ecosystem === 'npm' ? semver.satisfies(version, affected) : affected.split(' ').includes(version);
}
