import crypto, { webcrypto } from 'node:crypto';
import dns from 'node:dns';
import fs from 'node:fs';
import http from 'node:http';
import { BlockList, Server, Socket, SocketAddress } from 'node:net';
import { createHistogram } from 'node:perf_hooks';
import { PassThrough, Readable, Writable } from 'node:stream';
import tls from 'node:tls';
import util from 'node:util';
import vm from 'node:vm';
import { BroadcastChannel, MessageChannel } from 'node:worker_threads';
import { afterAll, describe, expect, it } from 'vitest';
import { Codec, decode, encode, UnserialisableError } from '../../../../src/ipc/codec/codec.js';
import { keyOf } from '../../../../src/pool/batch/journal-file.js';

const MAJOR = Number(process.versions.node.split('.')[0]);

function arrived(value: unknown): unknown {
  const { codec, body, attachments } = encode(value);
  return decode(codec, Buffer.from((body ?? '') as string), [...attachments]);
}

/** On its own, in an object, and beside an error, which takes another way. */
function sent<T>(value: T): T[] {
  const [beside] = arrived([{ value }, new Error('beside')]) as [{ value: T }];
  return [arrived(value) as T, (arrived({ value }) as { value: T }).value, beside.value];
}

const ends: (() => void)[] = [];
afterAll(() => {
  for (const end of ends) end();
});
function ended<T>(thing: T, end: (thing: T) => void): T {
  ends.push(() => end(thing));
  return thing;
}

describe('URL, URLSearchParams and Headers arrive as what they are', () => {
  it.each([
    'https://user:pass@example.com:8080/a/b?c=d&e=%20#f',
    'file:///tmp/%C3%A9',
    'data:text/plain,hello',
    'mailto:a@b.c',
    'http://xn--bcher-kva.example/',
    'http://[::1]/',
    'web+demo:/.//not-a-host/',
  ])('a URL: %s', (href) => {
    for (const url of sent(new URL(href))) {
      expect(Object.getPrototypeOf(url)).toBe(URL.prototype);
      expect(url.href).toBe(new URL(href).href);
    }
  });

  it('URLSearchParams, in their order, with every character', () => {
    const params = new URLSearchParams([
      ['b', '1'],
      ['a', ' +&=%?#é😀\n'],
      ['?b', ''],
      ['', ''],
      ['b', '2'],
    ]);
    for (const each of [params, new URLSearchParams(), new URL('http://a/?b=c').searchParams]) {
      for (const other of sent(each)) {
        expect(Object.getPrototypeOf(other)).toBe(URLSearchParams.prototype);
        expect([...other]).toEqual([...each]);
      }
    }
  });

  it('Headers, with those that may occur more than once', () => {
    const headers = new Headers([
      ['X-Two', '1'],
      ['x-two', '2'],
      ['set-cookie', 'a=1'],
      ['Set-Cookie', 'b=2; Path=/'],
      ['empty', ''],
      ['latin', 'é'],
    ]);
    const locked = new Response('', { headers: { a: 'b' } }).headers;
    for (const each of [headers, locked, new Headers()]) {
      for (const other of sent(each)) {
        expect(Object.getPrototypeOf(other)).toBe(Headers.prototype);
        expect([...other]).toEqual([...each]);
        expect(other.getSetCookie()).toEqual(each.getSetCookie());
      }
    }
  });

  it('once, however often they occur', () => {
    const url = new URL('http://a/');
    const [{ one, map }, set] = arrived([{ one: url, map: new Map([[url, [url]]]) }, new Set([url])]) as [
      { one: URL; map: Map<URL, [URL]> },
      Set<URL>,
    ];
    expect(map.get(one)?.[0]).toBe(one);
    expect(set.has(one)).toBe(true);
  });

  it('in errors, and by a subclass as the class that it extends', () => {
    class Link extends URL {
      title = 't';
    }
    const error = Object.assign(new Error('m', { cause: new Link('http://a/') }), {
      url: new URL('http://b/'),
      headers: new Headers({ a: 'b' }),
    });
    const other = arrived(error) as typeof error;
    expect(Object.getPrototypeOf(other.cause)).toBe(URL.prototype);
    expect([String(other.cause), other.url.href, other.headers.get('a')]).toEqual(['http://a/', 'http://b/', 'b']);
    expect(Object.keys(other.cause as object)).toEqual([]);
  });

  it('and distinguish the items of a journal', () => {
    const items = [new URL('http://a/1'), new URL('http://a/2'), new URLSearchParams('a=1'), new URLSearchParams('a=2'), new Headers()];
    expect(new Set(items.map((each) => keyOf(encode([each])))).size).toBe(items.length);
    expect(keyOf(encode([new URL('http://a/1')]))).toBe(keyOf(encode([new URL('http://a/1')])));
  });

  it('none runs code that the program has put in their place', () => {
    const fail = (): never => {
      throw new Error('the code of the program ran');
    };
    const url = Object.defineProperties(new URL('http://a/'), { href: { get: fail }, toString: { value: fail }, toJSON: { value: fail } });
    class Lying extends URLSearchParams {
      override toString = fail;
      override entries = fail;
    }
    expect(String(sent(url)[0])).toBe('http://a/');
    expect([...(sent(new Lying('a=b'))[0] as URLSearchParams)]).toEqual([['a', 'b']]);
  });

  it('an object with only the name or the prototype is refused, and not sent empty', () => {
    class Foreign {}
    Object.defineProperty(Foreign.prototype, Symbol.toStringTag, { value: 'URL', configurable: true });
    for (const value of [Object.create(URL.prototype), Object.create(Headers.prototype), new Foreign()]) {
      expect(() => encode([{ value }], 'args')).toThrow(/^args\[0\]\.value: an? \w+ that Node did not make cannot be sent/);
    }
  });

  it.each<[string, number, string]>([
    ['a URL', 0, 'no url'],
    ['Headers', 2, 'a name\nvalue'],
    ['Headers without a value', 2, 'name'],
    ['a type that is unknown', 3, 'x'],
  ])('bytes that claim to be %s are an error', (_, row, text) => {
    const { body } = encode([new URL('http://abcdefgh/')]);
    const bytes = Buffer.from(body as Buffer);
    const at = bytes.indexOf(Buffer.from('http', 'utf16le'));
    const own = Buffer.from(text, 'utf16le');
    const forged = Buffer.concat([bytes.subarray(0, at - 2), Buffer.from([64 + row, own.length]), own, bytes.subarray(at + 36)]);
    expect(bytes[at - 2]).toBe(64);
    expect(() => decode(Codec.Composite, forged, [])).toThrow();
  });
});

function* counting(): Generator<number> {
  yield 1;
}
async function* slowlyCounting(): AsyncGenerator<number> {
  yield 1;
}

/** An instance of a class that not every Node has, by its path from the globals. */
function made(path: string, ...args: unknown[]): unknown {
  const found = path.split('.').reduce<unknown>((at, key) => Reflect.get(at as object, key), globalThis);
  return Reflect.construct(found as new () => object, args);
}

/** By type: one of them, and the first version of Node that has it. */
const REFUSED: Record<string, [make: () => unknown, since?: number]> = {
  // of the platform
  AbortController: [() => new AbortController()],
  AbortSignal: [() => AbortSignal.abort()],
  Blob: [() => new Blob(['a'])],
  BroadcastChannel: [() => ended(new BroadcastChannel('x'), (channel) => channel.close())],
  CompressionStream: [() => made('CompressionStream', 'gzip')],
  Crypto: [() => webcrypto],
  CryptoKey: [() => webcryptoKey],
  CustomEvent: [() => new CustomEvent('x', { detail: 1 })],
  Event: [() => new Event('x')],
  EventTarget: [() => new EventTarget()],
  File: [() => new File(['a'], 'name')],
  FormData: [() => new FormData()],
  MessageChannel: [() => ended(new MessageChannel(), ({ port1 }) => port1.close())],
  MessagePort: [() => ended(new MessageChannel().port1, (port) => port.close())],
  Navigator: [() => Reflect.get(globalThis, 'navigator') as unknown, 22],
  Performance: [() => performance],
  PerformanceMark: [() => performance.mark('x')],
  ReadableStream: [() => new ReadableStream()],
  ReadableStreamDefaultReader: [() => new ReadableStream().getReader()],
  Request: [() => new Request('http://a/')],
  Response: [() => new Response('x')],
  TextDecoder: [() => new TextDecoder()],
  TextEncoder: [() => new TextEncoder()],
  TextEncoderStream: [() => new TextEncoderStream()],
  TransformStream: [() => new TransformStream()],
  URLPattern: [() => made('URLPattern'), 24],
  WritableStream: [() => new WritableStream()],
  // of Node
  'child process': [() => new (process.getBuiltinModule('child_process').ChildProcess)()],
  'http.Agent': [() => ended(new http.Agent(), (agent) => agent.destroy())],
  'a request of http': [() => new http.IncomingMessage(new Socket())],
  BlockList: [() => new BlockList()],
  Dir: [() => ended(fs.opendirSync('.'), (dir) => dir.closeSync())],
  ECDH: [() => crypto.createECDH('secp256k1')],
  FileStream: [() => ended(fs.createReadStream('package.json'), (stream) => stream.destroy())],
  Hash: [() => crypto.createHash('sha1')],
  Histogram: [() => createHistogram()],
  Hmac: [() => crypto.createHmac('sha1', 'k')],
  KeyObject: [() => secret],
  MIMEParams: [() => new util.MIMEType('text/plain;a=b').params],
  MIMEType: [() => new util.MIMEType('text/plain')],
  PassThrough: [() => new PassThrough()],
  Readable: [() => new Readable()],
  Resolver: [() => new dns.Resolver()],
  SecureContext: [() => tls.createSecureContext()],
  Server: [() => new Server()],
  Script: [() => new vm.Script('1')],
  Sign: [() => crypto.createSign('sha1')],
  Socket: [() => new Socket()],
  SocketAddress: [() => new SocketAddress({})],
  Writable: [() => new Writable()],
  X509Certificate: [() => new crypto.X509Certificate(tls.rootCertificates[0] as string)],
  stdout: [() => process.stdout],
  // of JavaScript
  'a generator': [() => counting()],
  'an asynchronous generator': [() => slowlyCounting()],
  'an iterator of an array': [() => [1].values()],
  'an iterator of a Map': [() => new Map().entries()],
  'an iterator of a text': [() => 'a'[Symbol.iterator]()],
  'an iterator of matches': [() => 'a'.matchAll(/a/g)],
  'an iterator helper': [() => Reflect.get([1].values(), 'map').call([1].values(), Number), 22],
  'an iterator made of another': [() => Reflect.get(Reflect.get(globalThis, 'Iterator'), 'from')({ next: Number }), 22],
  'Intl.Collator': [() => new Intl.Collator()],
  'Intl.DateTimeFormat': [() => new Intl.DateTimeFormat()],
  'Intl.DurationFormat': [() => made('Intl.DurationFormat'), 24],
  'Intl.Locale': [() => new Intl.Locale('en')],
  'Intl.NumberFormat': [() => new Intl.NumberFormat()],
  'Intl.PluralRules': [() => new Intl.PluralRules()],
  'Intl.Segmenter': [() => new Intl.Segmenter()],
  'segments of a text': [() => new Intl.Segmenter().segment('a')],
  'Temporal.Instant': [() => Reflect.get(Reflect.get(Reflect.get(globalThis, 'Temporal'), 'Now'), 'instant')(), 26],
  'WebAssembly.Memory': [() => made('WebAssembly.Memory', { initial: 1 })],
  'WebAssembly.Module': [() => made('WebAssembly.Module', Buffer.from('AGFzbQEAAAA=', 'base64'))],
  DisposableStack: [() => made('DisposableStack'), 24],
  FinalizationRegistry: [() => new FinalizationRegistry(Number)],
  Promise: [() => Promise.resolve()],
  WeakMap: [() => new WeakMap()],
  WeakRef: [() => new WeakRef({})],
  WeakSet: [() => new WeakSet()],
  'what a module exports': [() => vmNamespace],
};

const MODULE: string = 'data:text/javascript,export const a = 1';
const secret = crypto.createSecretKey(Buffer.alloc(32));
const webcryptoKey = await webcrypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-1' }, true, ['sign']);
const vmNamespace: unknown = await import(MODULE);

const STATE: unique symbol = Symbol('state');

describe('a value that holds more than its fields is refused by its path', () => {
  it.for(Object.entries(REFUSED))('%s', ([, [make, since = 20]], { skip }) => {
    if (MAJOR < since) skip(`Node ${since} is the first to have it`);
    const value = make();
    for (const whole of [
      [{ it: value }],
      [{ it: value, beside: new Error('x') }],
      [{ it: value, beside: [Buffer.from('x'), undefined] }],
    ]) {
      let error: unknown;
      try {
        encode(whole, 'args');
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(UnserialisableError);
      expect(error).toMatchObject({
        path: expect.stringMatching(/^args\[0\]\.it\b/),
        message: expect.stringMatching(/ cannot be sent to another process/),
      });
    }
  });

  it('instances of a class that keeps everything in private fields behind getters, or under symbols', () => {
    class Account {
      #cents = 5;
      get cents(): number {
        return this.#cents;
      }
    }
    class Tagged {
      [STATE] = 1;
    }
    class Savings extends Account {}
    for (const value of [new Account(), new Tagged(), new Savings()]) {
      expect(() => encode([value], 'args')).toThrow(
        /^args\[0\]: an? \w+ cannot be sent to another process: its state is not in fields of its own/,
      );
    }
  });

  it('subclasses of the user too, with whatever fields', () => {
    class Job extends EventTarget {
      id = 1;
    }
    class Source extends Readable {
      id = 1;
    }
    for (const job of [new Job(), new Source()]) expect(() => encode([job], 'args')).toThrow(/^args\[0\]: a (Job|Source) cannot be sent/);
  });
});

describe('a value that is only its fields is not refused', () => {
  class Empty {
    method(): number {
      return 1;
    }
  }
  class Titled {
    title = 'x';
    get [Symbol.toStringTag](): string {
      throw new Error('the getter of a tag ran');
    }
  }
  class Server {
    value = 1;
  }
  class Socket {
    port = 1;
  }
  class Readable {
    path = '/';
  }
  it.each<[string, object]>([
    ['an instance without fields', new Empty()],
    ['an instance with a getter beside its fields', new (class extends Titled {})()],
    ['classes that are called as those of Node', [new Server(), new Socket(), new Readable()]],
    ['an object that calls itself a URL', { [Symbol.toStringTag]: 'URL', a: 1 }],
    ['a class that calls itself a Map', Object.assign(Object.create({ [Symbol.toStringTag]: 'Map' }), { a: 1 }) as object],
    ['a constructor that lies', { constructor: WeakMap, a: [{ constructor: 'text' }] }.a],
    ['a prototype whose constructor lies', Object.assign(Object.create({ constructor: URL }) as object, { a: 1 })],
    ['an object with the prototype of an array', Object.assign(Object.create(Array.prototype) as object, { 0: 'a', length: 1 })],
    [
      'a prototype that is a Proxy',
      Object.assign(Object.create(new Proxy({}, { getPrototypeOf: () => null, get: () => 'x' })) as object, { a: 1 }),
    ],
    ['what an empty object of another realm is', vm.runInNewContext('[{}, [], Object.create(null), new (class { x = 1 })()]') as object],
    ['the environment', { ...process.env }],
    ['what a directory lists', fs.readdirSync('.', { withFileTypes: true }).slice(0, 1)],
  ])('%s', (_, value) => {
    const plain = (each: unknown): unknown => JSON.parse(JSON.stringify(each));
    for (const other of sent(value)) expect(plain(other)).toEqual(plain(Array.isArray(value) ? [...value] : { ...value }));
  });

  it('`process.env` itself, and the result of `fs.stat`', () => {
    expect((arrived([process.env]) as [object])[0]).toEqual({ ...process.env });
    expect((arrived([fs.statSync('.')]) as [fs.Stats])[0].ino).toBe(fs.statSync('.').ino);
  });
});
