/**
 * Runs a benchmark under another Node: `--node 24`, any version that npm knows, or `--node
 * /path/to/node`. The whole benchmark runs under it: suite, parents, workers and peers.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));
const MARK = 'EVERPOOL_BENCH_NODE';

/** Returns only if this process is to measure; `url` is that of the benchmark. */
export async function underNode(spec, url) {
  if (spec === undefined || process.env[MARK] === spec) return;
  const node = spec.includes('/') ? resolve(process.env.INIT_CWD ?? '.', spec) : installed(spec);
  const child = spawn(node, [fileURLToPath(url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    // For peers that start `node` by its name.
    env: { ...process.env, [MARK]: spec, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` },
  });
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGINT', () => undefined); // Ctrl-C reaches the child too
  const [code] = await once(child, 'exit');
  process.exit(code ?? 1);
}

/** The program `node` of the npm package of that name, kept in the cache. */
function installed(version) {
  const prefix = `${CACHE}node-${version}`;
  const node = `${prefix}/node_modules/node/bin/node`;
  if (existsSync(node)) return node;
  console.log(`Node ${version} is installed in ${prefix}`);
  const args = ['install', '--prefix', prefix, '--no-save', '--no-package-lock', '--no-audit', '--no-fund', `node@${version}`];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error(`Node ${version} could not be installed: see what npm says above.`);
  return node;
}
