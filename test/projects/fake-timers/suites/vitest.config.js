export default { test: { include: ['fake.vitest.js'] } };
