import { context, isWorker, onStart, onStop, type TaskContext } from 'everpool/worker';

onStart((data: unknown) => console.log(data));
onStop(async () => undefined);

export const add = (a: number, b: number): number => a + b;
export const half = async (a: number): Promise<number> => a / 2;
export function greet(name: string): string {
  const { signal, progress, checkpoint }: TaskContext = context();
  checkpoint();
  progress({ name, isWorker });
  return signal.aborted ? '' : `Hello ${name}`;
}
export function* count(to: number): Generator<number> {
  for (let value = 0; value < to; value += 1) yield value;
}
