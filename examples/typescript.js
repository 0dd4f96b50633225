/**
 * A task module in TypeScript: directly where Node strips types (22.18 and later), otherwise
 * through tsx.
 */
import assert from 'node:assert/strict';
import { Pool } from 'everpool';

const strips = 'typescript' in process.features && process.features.typescript !== false;
const pool = new Pool({
  module: new URL('./typed-tasks.ts', import.meta.url),
  size: 2,
  ...(strips ? {} : { execArgv: ['--import', 'tsx'] }),
});
try {
  const lengths = await pool.map('length', [
    { x: 3, y: 4 },
    { x: 5, y: 12 },
  ]);
  assert.deepEqual(lengths, [5, 13]);
  console.log(`${strips ? 'as it is' : 'through tsx'}:`, lengths);
} finally {
  await pool.close();
}
