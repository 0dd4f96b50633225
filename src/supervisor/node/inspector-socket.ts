/**
 * A connection to the inspector of a worker, over the small part of WebSocket that the inspector
 * uses. It owns the socket, and throws nothing, whatever the worker sends (G9).
 *
 * It uses no package, because the common one requires Node's modules in a way that breaks in a
 * bundle.
 */
import { connect, type Socket } from 'node:net';

/** Local addresses only: the address comes from stderr, where a task may print one too. */
const ADDRESS = /^ws:\/\/(127\.0\.0\.1):(\d{1,5})(\/[\w-]+)$/;
const ACCEPTED = /^HTTP\/1\.1 101 /;
const HEAD_END = '\r\n\r\n';
/** The maximum size of a message. Even the deepest stack is smaller. */
const MAX_BYTES = 16 << 20;

const TEXT = 0x81; // a text message in a single frame
const MASKED = 0x80;
const LENGTH_16 = 126;
const LENGTH_64 = 127;

export interface InspectorListener {
  onOpen(): void;
  onText(text: string): void;
  /** Called also if the connection failed. May be called more than once. */
  onEnd(): void;
}

export class InspectorSocket {
  readonly #listener: InspectorListener;
  #socket: Socket | undefined;
  #received: Buffer = Buffer.alloc(0);
  #isOpen = false;

  constructor(address: string, listener: InspectorListener) {
    this.#listener = listener;
    const [, host, port, path] = ADDRESS.exec(address) ?? [];
    if (host === undefined || Number(port) > 65_535) {
      listener.onEnd();
      return;
    }
    const socket = connect({ host, port: Number(port) });
    this.#socket = socket;
    socket.on('error', () => this.#fail());
    socket.on('close', () => this.#fail());
    socket.on('data', (chunk) => this.#receive(chunk));
    // The key protects against caching proxies. There are none here.
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ZXZlcnBvb2wtZXZlcnBvbw==${HEAD_END}`,
    );
  }

  send(text: string): void {
    const body = Buffer.from(text);
    // A client must mask its frames. A mask of zeros changes nothing.
    const head = Buffer.from([TEXT, MASKED | LENGTH_16, body.length >> 8, body.length & 0xff, 0, 0, 0, 0]);
    this.#socket?.write(Buffer.concat([head, body]));
  }

  close(): void {
    this.#socket?.destroy();
  }

  #fail(): void {
    this.close();
    this.#listener.onEnd();
  }

  #receive(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (!this.#isOpen && !this.#open()) return;
    for (let text = this.#next(); text !== undefined; text = this.#next()) this.#listener.onText(text);
    if (this.#received.length > MAX_BYTES) this.#fail();
  }

  #open(): boolean {
    const head = this.#received.toString('latin1');
    const end = head.indexOf(HEAD_END);
    if (end < 0) {
      if (this.#received.length > MAX_BYTES) this.#fail();
      return false;
    }
    if (!ACCEPTED.test(head.slice(0, end))) {
      this.#fail();
      return false;
    }
    this.#received = this.#received.subarray(end + HEAD_END.length);
    this.#isOpen = true;
    this.#listener.onOpen();
    return true;
  }

  /** Returns the next message, if it has arrived completely. */
  #next(): string | undefined {
    const bytes = this.#received;
    if (bytes.length < 2) return undefined;
    let length = (bytes[1] as number) & ~MASKED;
    let start = 2;
    if (length === LENGTH_16) start = 4;
    if (length === LENGTH_64) start = 10;
    if (bytes.length < start) return undefined;
    if (length === LENGTH_16) length = bytes.readUInt16BE(2);
    if (length === LENGTH_64) length = Number(bytes.readBigUInt64BE(2));
    if (bytes[0] !== TEXT || length > MAX_BYTES) {
      this.#fail(); // a close, or not an inspector
      this.#received = Buffer.alloc(0);
      return undefined;
    }
    if (bytes.length < start + length) return undefined;
    this.#received = bytes.subarray(start + length);
    return bytes.toString('utf8', start, start + length);
  }
}
