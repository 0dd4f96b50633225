import { defineConfig } from 'vitest/config';

// `npm test` leaves `*.long.test.ts` out: hundreds of rounds, each case of a product, all cases of
// a property. `npm run test:long` runs them, and chaos. Two files at a time fill a small machine,
// because most tests start processes of their own. A flaky test is a bug, so nothing is retried.
// The limits end a test that hangs. They are long, because a machine with five times as much to do
// as it has cores is slow, not wrong. The groups run one after the other: chaos alone, because it
// measures what survives a load that it makes itself.
const LONG = 'test/**/*.long.test.ts';
const common = {
  exclude: [LONG],
  pool: 'forks' as const,
  retry: 0,
  maxWorkers: 2,
  hookTimeout: 150_000,
  teardownTimeout: 30_000,
  provide: { isLong: false },
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // One process runs all its files, which halves the time. So a unit test leaves no global
          // changed.
          isolate: false,
          testTimeout: 120_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'simulation',
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 600_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'model',
          include: ['test/model/**/*.test.ts'],
          testTimeout: 300_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...common,
          name: 'types',
          include: [],
          sequence: { groupOrder: 0 },
          typecheck: {
            enabled: true,
            only: true,
            ignoreSourceErrors: true,
            checker: 'tsc',
            tsconfig: 'tsconfig.json',
            include: ['test/types/**/*.test-d.ts'],
          },
        },
      },
      {
        test: {
          ...common,
          name: 'process',
          include: ['test/process/**/*.test.ts'],
          testTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          testTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          name: 'cluster',
          include: ['test/cluster/**/*.test.ts'],
          testTimeout: 300_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          ...common,
          name: 'long',
          include: [LONG],
          exclude: [],
          provide: { isLong: true },
          testTimeout: 900_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          ...common,
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          testTimeout: 900_000,
          maxWorkers: 1,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
