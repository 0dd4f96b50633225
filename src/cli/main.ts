#!/usr/bin/env node
/** The command `everpool`. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { clusterCommand } from './cluster-command.js';
import { EXIT, say } from './exit.js';
import { mapCommand } from './map-command.js';
import { serveCommand } from './serve-command.js';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };

const program = new Command('everpool')
  .description('Runs the functions of a module over many items in worker processes, even when some of them die.')
  .version(version)
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  everpool map ./tasks.js#resize --in images.ndjson --out results.ndjson --retries 2 --timeout 30s
  find . -name '*.json' | everpool map ./tasks.js#count --input-format lines --size 8
  everpool map ./tasks.js#square --args 1 2 3
  everpool map ./tasks.js#crawl --in urls.txt --journal crawl.journal   # run it again after a crash: it continues
  everpool serve ./tasks.js --connect redis://10.0.0.1   # on each machine
  everpool map ./tasks.js#resize --connect redis://10.0.0.1 --in images.ndjson --id nightly
  everpool cluster status --connect redis://10.0.0.1

Exit codes: 0 all items succeeded; 1 some failed, or something could not be written; 2 wrong usage, nothing was run;
130, 143, 129 interrupted by SIGINT, SIGTERM, SIGHUP.`,
  );

program.addCommand(mapCommand());
program.addCommand(serveCommand());
program.addCommand(clusterCommand());
program
  .command('demo')
  .description('gzips and hashes every file under node_modules in workers, twice; the second time the workers are SIGKILLed at random')
  .action(async () => {
    await import(new URL('../../examples/demo/main.js', import.meta.url).href);
  });

// Help and a dry run report why their output stopped, except for a closed pipe.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (process.stdout.listenerCount('error') > 1) return; // a run reports it itself
  if (error.code === 'EPIPE') return;
  say(`the output cannot be written: ${error.message}`);
  process.exitCode ||= EXIT.failed;
});

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) throw error;
  // Commander has already printed the error, or the help.
  process.exitCode = error.exitCode === 0 ? 0 : EXIT.usage;
}
