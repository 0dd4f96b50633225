export const add = (a, b) => a + b;
export const nap = (ms) => new Promise((resolve) => setTimeout(resolve, ms, 'slept'));
export const spin = () => {
  for (;;);
};
export const die = () => process.exit(3);
