/**
 * Where the JavaScript of a process is: its inspector is opened by SIGUSR1, asked to pause, and left.
 *
 * It also works on a process that spins. Needs `--inspect-port=0` among the options of the process, so that the inspector takes a
 * free port, and its stderr, where Node writes which one.
 */
import type { Clock } from '../../shared/platform.js';
import { InspectorSocket } from './inspector-socket.js';
import type { NodeOutput } from './node-output.js';
import { signalProcess } from './process-group.js';

/** What Node writes on stderr about its inspector: nothing that the user has to see. */
const CHATTER =
  /Debugger listening on (ws:\S+)\n|For help, see: https:\/\/nodejs\.org\/\S*\n|Debugger (?:attached\.|ending on \S+)\n|Waiting for the debugger to disconnect\.\.\.\n/g;
/** No more of a stack than anyone reads. */
const FRAMES = 30;
/** Names the evaluation that is done for the pause alone. */
const NOTHING_URL = 'everpool:nothing';
const IDLE = 'no JavaScript was running: the task waits for something';

interface CallFrame {
  readonly functionName: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
}

interface InspectorMessage {
  readonly method?: string;
  readonly params?: { readonly callFrames?: readonly CallFrame[]; readonly scriptId?: string; readonly url?: string };
}

/** @param own how the URLs of this package's frames begin: what calls a task is no part of where it is
 *  @returns never rejects; undefined if it could not be found out within `limitMs` */
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
          end(); // no inspector talks like that
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
  inspector?.close(); // and with it a paused process goes on
  return stack;
}

function ask(send: (text: string) => void): void {
  // A process that runs no JavaScript pauses as soon as it does: in the evaluation.
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
