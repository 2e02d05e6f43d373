// Speaks for mediasoup, which has no words of its own: a worker with a router, asked for by lines of JSON over TCP.
//
//   node --input-type=module --eval "$(cat bridge.mjs)" FOLDER          says the version in FOLDER/node_modules
//   node --input-type=module --eval "$(cat bridge.mjs)" FOLDER IP PORT  listens for questions at PORT, for media at IP
//
// A question is {"ask": NAME, ...}; its answer is {"done": ...} or {"refused": WHY}, in the order of the questions.

import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';

const CODECS = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2, preferredPayloadType: 111 },
  {
    kind: 'video',
    mimeType: 'video/H264',
    clockRate: 90000,
    preferredPayloadType: 102,
    parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  },
];
// Enough for a stage and eight small pictures from the beginning: what its estimate makes of it is its own.
const FIRST_ESTIMATE = 10_000_000;

const [, folder, ip, port] = process.argv;

function fail(why) {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}

function load() {
  try {
    return createRequire(`${resolve(folder)}/`)('mediasoup');
  } catch (error) {
    const [why] = error.message.split('\n');
    return fail(`${folder} has no mediasoup that can be loaded (npm install mediasoup there): ${why}`);
  }
}

const mediasoup = load();
if (!existsSync(mediasoup.workerBin)) {
  fail(
    `the mediasoup in ${folder} has no worker: ${mediasoup.workerBin} is not there; install it anew where its ` +
      'download can be reached, or name a worker by MEDIASOUP_WORKER_BIN',
  );
}
if (port === undefined) {
  process.stdout.write(`${mediasoup.version}\n`);
  process.exit(0);
}

const worker = await mediasoup.createWorker({ logLevel: 'warn' });
worker.on('died', (error) => fail(`the worker died: ${error.message}`));
process.on('SIGTERM', () => {
  worker.close();
  process.exit(0);
});
const webRtcServer = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip }] });
const router = await worker.createRouter({ mediaCodecs: CODECS });
const transports = new Map();

const answers = {
  worker: () => ({ pid: worker.pid }),
  async transport() {
    const options = { webRtcServer, initialAvailableOutgoingBitrate: FIRST_ESTIMATE };
    const transport = await router.createWebRtcTransport(options);
    transports.set(transport.id, transport);
    const { id, iceParameters, iceCandidates, dtlsParameters } = transport;
    return { id, iceParameters, iceCandidates, dtlsParameters };
  },
  async connect({ transport, dtlsParameters }) {
    await transports.get(transport).connect({ dtlsParameters });
    return {};
  },
  async produce({ transport, kind, rtpParameters }) {
    const { id } = await transports.get(transport).produce({ kind, rtpParameters });
    return { id };
  },
  async consume({ transport, producer, spatialLayer }) {
    const layers = spatialLayer === undefined ? {} : { preferredLayers: { spatialLayer } };
    const { rtpCapabilities } = router;
    const consumer = await transports.get(transport).consume({ producerId: producer, rtpCapabilities, ...layers });
    return { kind: consumer.kind, rtpParameters: consumer.rtpParameters };
  },
};

async function answer(line) {
  try {
    const question = JSON.parse(line);
    return { done: await answers[question.ask](question) };
  } catch (error) {
    return { refused: error.message };
  }
}

createServer({ noDelay: true }, async (socket) => {
  // Whoever asks goes when the trial is over, perhaps in the middle of a word.
  socket.on('error', () => socket.destroy());
  for await (const line of createInterface({ input: socket })) {
    socket.write(`${JSON.stringify(await answer(line))}\n`);
  }
}).listen(Number(port), '127.0.0.1');
