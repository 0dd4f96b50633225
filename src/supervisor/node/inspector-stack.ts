/**
 * Reads the current JavaScript stack of a process, even of one that spins: opens its inspector with
 * SIGUSR1, pauses the program, and disconnects.
 *
 * The process needs the option `--inspect-port=0`, so that the inspector takes a free port, and a
 * piped stderr, on which Node prints the port.
 */
import type { Clock } from '../../shared/platform.js';
import { InspectorSocket } from './inspector-socket.js';
import type { NodeOutput } from './node-output.js';
import { signalProcess } from './process-group.js';

/** The lines that Node prints on stderr about its inspector. They are hidden from the user. */
const CHATTER =
  /Debugger listening on (ws:\S+)\n|For help, see: https:\/\/nodejs\.org\/\S*\n|Debugger (?:attached\.|ending on \S+)\n|Waiting for the debugger to disconnect\.\.\.\n/g;
/** The maximum number of frames in a stack. */
const FRAMES = 30;
/** The URL of the evaluation whose only purpose is the pause. */
const NOTHING_URL = 'everpool:nothing';
const IDLE = 'no JavaScript was running: the task was waiting for something';

interface CallFrame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
}

interface InspectorMessage {
  readonly method?: string;
  readonly params?: { readonly callFrames?: readonly CallFrame[]; readonly scriptId?: string; readonly url?: string };
}

/**
 * Never rejects. Resolves to undefined if there is no answer within `limitMs`.
 *
 * @param own the prefix of the URLs of this package's frames, which are left out below the task
 */
export async function inspectorStack(
  pid: number,
  stderr: NodeOutput,
  limitMs: number,
  own: string,
  clock: Clock,
): Promise<string | undefined> {
  let end: (stack?: string) => void = () => undefined;
  const answer = new Promise<string | undefined>((resolve) => {
    end = resolve;
  });
  const timer = clock.setTimer(() => end(), limitMs);
  let inspector: InspectorSocket | undefined;
  const open = (url: string): void => {
    const scripts = new Map<string, string>();
    const socket = new InspectorSocket(url, {
      onOpen: () => ask((text) => socket.send(text)),
      onText: (text) => {
        try {
          hear(JSON.parse(text) as InspectorMessage, scripts, own, end);
        } catch {
          end(); // not an inspector
        }
      },
      onEnd: () => end(),
    });
    inspector = socket;
  };
  stderr.filter((text) =>
    text.replace(CHATTER, (_match, url: string | undefined) => {
      if (url !== undefined && inspector === undefined) open(url);
      return '';
    }),
  );
  if (signalProcess(pid, 'SIGUSR1', false) !== 'sent') end();
  const stack = await answer;
  clock.clearTimer(timer);
  inspector?.close(); // this also resumes the paused process
  return stack;
}

function ask(send: (text: string) => void): void {
  // A process that runs no JavaScript pauses as soon as it runs some: the evaluation.
  const requests = [
    { method: 'Debugger.enable' },
    { method: 'Debugger.pause' },
    { method: 'Runtime.evaluate', params: { expression: `0//# sourceURL=${NOTHING_URL}` } },
  ];
  for (const [index, request] of requests.entries()) send(JSON.stringify({ id: index + 1, ...request }));
}

function hear({ method, params }: InspectorMessage, scripts: Map<string, string>, own: string, end: (stack: string) => void): void {
  if (method === 'Debugger.scriptParsed') scripts.set(params?.scriptId ?? '', params?.url ?? '');
  if (method !== 'Debugger.paused') return;
  const frames = (params?.callFrames ?? [])
    .map((frame) => ({ ...frame, url: scripts.get(frame.location.scriptId) ?? '' }))
    .filter(({ url }) => url !== NOTHING_URL);
  const last = frames.findLastIndex(({ url }) => !url.startsWith('node:') && !url.startsWith(own));
  end(
    last < 0
      ? IDLE
      : frames
          .slice(0, Math.min(last + 1, FRAMES))
          .map(line)
          .join('\n'),
  );
}

function line({ functionName, url, location }: CallFrame & { readonly url: string }): string {
  const place = `${url === '' ? '<anonymous>' : url}:${location.lineNumber + 1}:${(location.columnNumber ?? 0) + 1}`;
  return functionName === '' ? `    at ${place}` : `    at ${functionName} (${place})`;
}
