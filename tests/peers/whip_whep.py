"""A WHIP publisher and a WHEP player that are not our code (aiortc), for the tests.

usage: whip_whep.py publish URL TOKEN RED GREEN BLUE TONE_HZ    sends until its standard input closes
       whip_whep.py play URL TOKEN                              says what it sees and hears, then ends

One JSON object a line on standard output: {"state": ...}, {"seen": [r, g, b], "size": [w, h]}, {"heard_hz": f}.
TLS certificates are not checked: the caller is on the same machine.
"""

import asyncio
import fractions
import json
import sys

import aiohttp
import numpy
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCRtpSender, RTCSessionDescription, VideoStreamTrack
from av import AudioFrame, VideoFrame
from yarl import URL

RATE_HZ = 48_000
BLOCK = 960
FRAMES_TO_SEE = 30
SECONDS_TO_HEAR = 2


def say(**what):
    print(json.dumps(what), flush=True)


class OneColour(VideoStreamTrack):
    """A picture of one colour, with a stripe that moves so that the encoder has something to do."""

    def __init__(self, colour):
        super().__init__()
        self.colour = colour
        self.count = 0

    async def recv(self):
        picture = numpy.empty((360, 640, 3), numpy.uint8)
        picture[:, :] = self.colour
        at = (self.count * 8) % 600
        picture[320:340, at:at + 40] = 255
        self.count += 1
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = await self.next_timestamp()
        return frame


class OneTone(MediaStreamTrack):
    """A sine of one pitch in blocks of 20 ms."""

    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.hz = hz
        self.at = 0
        self.start = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.start = self.start or loop.time()
        await asyncio.sleep(max(0, self.start + self.at / RATE_HZ - loop.time()))
        phase = 2 * numpy.pi * self.hz * (self.at + numpy.arange(BLOCK)) / RATE_HZ
        samples = (numpy.sin(phase) * 8_000).astype(numpy.int16).reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE_HZ, self.at, fractions.Fraction(1, RATE_HZ)
        self.at += BLOCK
        return frame


async def negotiate(http, pc, url, token):
    """Offers, and returns the URL of the resource."""
    await pc.setLocalDescription(await pc.createOffer())
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
    async with http.post(url, data=pc.localDescription.sdp, headers=headers) as answer:
        text = await answer.text()
        if answer.status != 201:
            raise SystemExit(f"{answer.status}: {text}")
        await pc.setRemoteDescription(RTCSessionDescription(text, "answer"))
        return str(answer.url.join(URL(answer.headers["Location"])))


def watch_state(pc):
    connected = asyncio.Event()

    @pc.on("connectionstatechange")
    def changed():
        say(state=pc.connectionState)
        if pc.connectionState == "connected":
            connected.set()

    return connected


async def end(http, resource, token, pc):
    async with http.delete(resource, headers={"Authorization": f"Bearer {token}"}) as answer:
        say(deleted=answer.status)
    await pc.close()


async def publish(url, token, colour, hz):
    pc = RTCPeerConnection()
    connected = watch_state(pc)
    pc.addTrack(OneTone(hz))
    video = pc.addTransceiver(OneColour(colour), direction="sendonly")
    codecs = RTCRtpSender.getCapabilities("video").codecs
    video.setCodecPreferences([codec for codec in codecs if codec.mimeType in ("video/H264", "video/rtx")])
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        resource = await negotiate(http, pc, url, token)
        await connected.wait()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await end(http, resource, token, pc)


async def see(track):
    for _ in range(FRAMES_TO_SEE):
        frame = await track.recv()
    picture = frame.to_ndarray(format="rgb24")
    middle = picture[picture.shape[0] // 2, picture.shape[1] // 2]
    say(seen=[int(value) for value in middle], size=[frame.width, frame.height])


async def hear(track):
    samples = []
    while sum(map(len, samples)) < SECONDS_TO_HEAR * RATE_HZ:
        frame = await track.recv()
        channels = len(frame.layout.channels)
        samples.append(frame.to_ndarray().reshape(-1, channels)[:, 0])
    heard = numpy.concatenate(samples).astype(float)
    spectrum = numpy.abs(numpy.fft.rfft(heard * numpy.hanning(len(heard))))
    say(heard_hz=float(spectrum.argmax() * RATE_HZ / len(heard)))


async def play(url, token):
    pc = RTCPeerConnection()
    connected = watch_state(pc)
    pc.addTransceiver("audio", direction="recvonly")
    pc.addTransceiver("video", direction="recvonly")
    tasks = []

    @pc.on("track")
    def arrived(track):
        tasks.append(asyncio.ensure_future(see(track) if track.kind == "video" else hear(track)))

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as http:
        resource = await negotiate(http, pc, url, token)
        await connected.wait()
        await asyncio.gather(*tasks)
        await end(http, resource, token, pc)


def main():
    match sys.argv[1:]:
        case ["publish", url, token, red, green, blue, hz]:
            asyncio.run(publish(url, token, (int(red), int(green), int(blue)), float(hz)))
        case ["play", url, token]:
            asyncio.run(play(url, token))
        case _:
            raise SystemExit(__doc__)


main()
