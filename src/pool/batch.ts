export interface Batch<R> extends PromiseLike<R[]>, AsyncIterable<R> {
  readonly id: number;
}
