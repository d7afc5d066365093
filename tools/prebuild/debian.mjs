import { spawnSync } from 'node:child_process';

/** Where this machine gets its Debian packages from; other releases are there, too. */
export function debianMirror() {
  const { stdout, status, error } = spawnSync(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI) $(LABEL)', 'Created-By: Packages'],
    { encoding: 'utf8' },
  );
  const site = stdout?.split('\n').find((line) => line.endsWith(' Debian'));
  if (status !== 0 || site === undefined)
    throw new Error('apt-get knows no source of Debian packages: this wants Debian, after apt-get update', {
      cause: error,
    });
  return site.slice(0, site.lastIndexOf(' '));
}
