/** A task that another process passes on: what errors say of it. */
export interface Origin {
  readonly id: string;
  readonly crashRetries: number;
}
