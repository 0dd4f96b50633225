/**
 * The files of the whole jobs (P12). Files and JavaScript are those of the installed packages; the
 * images are drawn here, the same ones each time, and kept.
 */
import { existsSync, mkdirSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { installedFiles } from './records.js';

const IMAGES = fileURLToPath(new URL('../.cache/bench-images/', import.meta.url));
const MOST_BYTES = 200_000;
const WIDTH = 1600;
const HEIGHT = 1200;

const isOfUse = (path) => {
  const { size } = statSync(path);
  return size > 0 && size <= MOST_BYTES;
};

/** By job: the paths of `count` files. */
export const workFiles = {
  gzipAndHash: (count) => enough(installedFiles(/^[^\n']+$/).filter(isOfUse), count),
  parseFile: (count) => enough(installedFiles(/\.[cm]?js$/).filter(isOfUse), count),
  resizeImage: images,
};

function enough(paths, count) {
  if (paths.length < count) throw new Error(`only ${paths.length} files of ${count} are installed`);
  return paths.slice(0, count);
}

async function images(count) {
  mkdirSync(IMAGES, { recursive: true });
  const paths = Array.from({ length: count }, (_, index) => `${IMAGES}${index}.jpg`);
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length === 0) return paths;
  const { default: sharp } = await import('sharp');
  for (const path of missing) {
    const raw = { width: WIDTH, height: HEIGHT, channels: 3 };
    writeFileSync(
      `${path}.new`,
      await sharp(pixels(paths.indexOf(path) + 1), { raw })
        .jpeg({ quality: 85 })
        .toBuffer(),
    );
    renameSync(`${path}.new`, path);
  }
  return paths;
}

/** Waves with a little noise, which compress about as well as a photograph. */
function pixels(seed) {
  const bytes = Buffer.alloc(WIDTH * HEIGHT * 3);
  let noise = seed;
  for (let at = 0, y = 0; y < HEIGHT; y += 1) {
    for (let x = 0; x < WIDTH; x += 1) {
      noise ^= noise << 13;
      noise ^= noise >>> 17;
      noise ^= noise << 5;
      const wave = 128 + 50 * Math.sin(x / (20 + seed)) + 50 * Math.sin((y + x / 3) / (35 + seed)) + (noise & 15);
      bytes[at++] = wave;
      bytes[at++] = 255 - wave;
      bytes[at++] = (x + y) & 255;
    }
  }
  return bytes;
}
