"""Image files of every kind that jimm reads, made from a random generator: for goldens and checks.

Pillow writes most of them. What it can't write (interlaced and 16-bit colour PNG, PNG with chosen
filters, JPEG with any sampling factors) is put together here by hand.
"""

import io
import struct
import zlib

import numpy as np
from PIL import Image

PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]


def smooth(rng, width, height, channels=3):
    """A picture with edges and gradients: 8-bit pixels of shape [height, width, channels]."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    out = np.empty((height, width, channels))
    for c in range(channels):
        a, b, p = rng.uniform(-0.4, 0.4, 2).tolist() + [rng.uniform(0, 6)]
        out[..., c] = 128 + 90 * np.sin(a * x + b * y + p) + 60 * ((x * a + y) % 23 > 11)
    out += rng.normal(0, 6, out.shape)
    return np.clip(out, 0, 255).astype(np.uint8)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _filter_row(kind, row, above, step):
    left = np.concatenate([np.zeros(step, np.int64), row[:-step] if len(row) > step else
                           np.zeros(0, np.int64)])[: len(row)]
    corner = np.concatenate([np.zeros(step, np.int64), above[:-step] if len(row) > step else
                             np.zeros(0, np.int64)])[: len(row)]
    if kind == 0:
        guess = 0
    elif kind == 1:
        guess = left
    elif kind == 2:
        guess = above
    elif kind == 3:
        guess = (left + above) // 2
    else:
        base = left + above - corner
        pa, pb, pc = abs(base - left), abs(base - above), abs(base - corner)
        guess = np.where((pa <= pb) & (pa <= pc), left, np.where(pb <= pc, above, corner))
    return bytes([kind]) + ((row - guess) & 255).astype(np.uint8).tobytes()


def _pack(samples, depth):
    """Rows of samples [height, n] to rows of bytes."""
    if depth == 16:
        return samples.astype(">u2").view(np.uint8).reshape(samples.shape[0], -1)
    if depth == 8:
        return samples.astype(np.uint8)
    bits = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
    return np.packbits(bits.reshape(samples.shape[0], -1), axis=-1)


def png(rng, samples, depth, color, interlace=False, palette=None, extra=b"", piece=None):
    """A PNG of `samples` [height, width, channels] with a random filter for each row."""
    height, width = samples.shape[:2]
    step = max(1, PNG_CHANNELS[color] * depth // 8)
    raw = b""
    for x0, y0, dx, dy in ADAM7 if interlace else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.size == 0:
            continue
        rows = _pack(part.reshape(part.shape[0], -1), depth).astype(np.int64)
        above = np.zeros(rows.shape[1], np.int64)
        for row in rows:
            raw += _filter_row(int(rng.integers(5)), row, above, step)
            above = row
    data = zlib.compress(raw, 9)
    piece = piece or len(data)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlace))
    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    if palette is not None:
        out += chunk(b"PLTE", palette)
    out += extra
    for at in range(0, len(data), piece):
        out += chunk(b"IDAT", data[at : at + piece])
    return out + chunk(b"IEND", b"")


def png_kind(rng, width, height, depth, color, interlace):
    top = 1 << depth
    samples = smooth(rng, width, height, PNG_CHANNELS[color]).astype(np.int64)
    samples = (samples << 8 | rng.integers(0, 256, samples.shape)) >> (16 - depth)
    palette, extra = None, b""
    if color == 3:
        entries = int(rng.integers(max(1, top // 2), top + 1))
        palette = rng.integers(0, 256, 3 * entries, dtype=np.uint8).tobytes()
        if rng.random() < 0.5:
            alphas = rng.integers(0, 256, min(entries, 9), dtype=np.uint8).tobytes()
            extra = chunk(b"tRNS", alphas)
    elif color == 0 and depth == 16:
        samples = samples >> int(rng.integers(5, 10))  # Pillow clips at 255
    if color in (0, 2) and rng.random() < 0.3:
        extra = chunk(b"tRNS", struct.pack(">H", 1) * (1 if color == 0 else 3))
    if rng.random() < 0.3:
        extra = chunk(b"gAMA", struct.pack(">I", 60000)) + chunk(b"tEXt", b"k\0v") + extra
    piece = 37 if rng.random() < 0.3 else None
    return png(rng, samples, depth, color, interlace, palette, extra, piece)


PNG_KINDS = [(depth, color, interlace)
             for color, depths in ((0, (1, 2, 4, 8, 16)), (2, (8, 16)), (3, (1, 2, 4, 8)),
                                   (4, (8, 16)), (6, (8, 16)))
             for depth in depths for interlace in (False, True)]


# ---- JPEG by hand: any sampling factors ----


def _segments(data):
    at = 2
    while data[at + 1] != 0xDA:
        size = struct.unpack(">H", data[at + 2 : at + 4])[0]
        yield data[at + 1], data[at + 4 : at + 2 + size]
        at += 2 + size


def _huffman_tables():
    """(class, id) -> {symbol: (code, length)} of the standard tables, which Pillow writes."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", quality=90)
    tables, segments = {}, b""
    for marker, body in _segments(out.getvalue()):
        if marker not in (0xC4, 0xDB):
            continue
        segments += bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body
        while marker == 0xC4 and body:
            counts, body, where = body[1:17], body[17:], (body[0] >> 4, body[0] & 15)
            code, table = 0, {}
            for length, count in enumerate(counts, 1):
                for symbol in body[:count]:
                    table[symbol] = (code, length)
                    code += 1
                body = body[count:]
                code <<= 1
            tables[where] = table
    return tables, segments


class _Bits:
    def __init__(self):
        self.bits = []

    def put(self, value, length):
        self.bits += [value >> i & 1 for i in range(length - 1, -1, -1)]

    def take(self):
        self.bits += [1] * (-len(self.bits) % 8)
        data = np.packbits(np.array(self.bits, np.uint8)).tobytes().replace(b"\xff", b"\xff\0")
        self.bits = []
        return data


def _magnitude(value):
    size = int(abs(value)).bit_length()
    return size, value if value >= 0 else value + (1 << size) - 1


def jpeg(rng, width, height, factors, restart=0, adobe=None, jfif=False, names=b"\1\2\3\4"):
    """A baseline JPEG of random coefficients. `factors`: (horizontal, vertical) per component;
    `adobe`: the colour transform of an Adobe marker; `names`: of the components."""
    tables, segments = _huffman_tables()
    wide, high = max(h for h, _ in factors), max(v for _, v in factors)
    across, down = -(-width // (8 * wide)), -(-height // (8 * high))
    if len(factors) == 1:
        factors, across, down = [(1, 1)], -(-width // 8), -(-height // 8)
    frame = struct.pack(">BHHB", 8, height, width, len(factors))
    scan = bytes([len(factors)])
    for i, (h, v) in enumerate(factors):
        frame += bytes([names[i], h << 4 | v, 0 if i in (0, 3) else 1])
        scan += bytes([names[i], 0 if i in (0, 3) else 0x11])
    out = b"\xff\xd8"
    if jfif:
        out += b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
    if adobe is not None:
        out += b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + struct.pack(">HHHB", 100, 0, 0, adobe)
    out += segments + b"\xff\xc0" + struct.pack(">H", len(frame) + 2) + frame
    if restart:
        out += b"\xff\xdd" + struct.pack(">HH", 4, restart)
    out += b"\xff\xda" + struct.pack(">H", len(scan) + 5) + scan + bytes([0, 63, 0])
    bits, last = _Bits(), [0] * len(factors)
    for unit in range(across * down):
        if restart and unit and unit % restart == 0:
            out += bits.take() + bytes([0xFF, 0xD0 + (unit // restart - 1) % 8])
            last = [0] * len(factors)
        for i, (h, v) in enumerate(factors):
            which = 0 if i in (0, 3) else 1
            for _ in range(h * v):
                level = int(rng.integers(-90, 91))
                size, value = _magnitude(level - last[i])
                last[i] = level
                bits.put(*tables[0, which][size])
                bits.put(value, size)
                for _ in range(int(rng.integers(0, 5))):
                    size, value = _magnitude(int(rng.choice([-9, -3, -1, 1, 2, 5])))
                    bits.put(*tables[1, which][int(rng.integers(0, 8)) << 4 | size])
                    bits.put(value, size)
                bits.put(*tables[1, which][0])
    return out + bits.take() + b"\xff\xd9"


SAMPLINGS = {
    "444": [(1, 1)] * 3,
    "422": [(2, 1), (1, 1), (1, 1)],
    "420": [(2, 2), (1, 1), (1, 1)],
    "440": [(1, 2), (1, 1), (1, 1)],
    "411": [(4, 1), (1, 1), (1, 1)],
    "410": [(4, 2), (1, 1), (1, 1)],
    "441": [(1, 4), (1, 1), (1, 1)],
    "mixed": [(2, 2), (2, 1), (1, 2)],
    "gray": [(1, 1)],
    "cmyk": [(1, 1)] * 4,
}


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg_kind(rng, width, height):
    """A JPEG that Pillow writes, of any of its kinds."""
    mode = rng.choice(["RGB", "RGB", "L", "CMYK"])
    channels = {"RGB": 3, "L": 1, "CMYK": 4}[mode]
    pixels = smooth(rng, width, height, channels)
    image = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode)
    options = {
        "quality": int(rng.integers(5, 100)),
        "subsampling": int(rng.integers(3)),
        "progressive": bool(rng.integers(2)),
        "optimize": bool(rng.integers(2)),
    }
    if rng.random() < 0.3:
        options["restart_marker_blocks"] = int(rng.integers(1, 6))
    if mode == "RGB" and rng.random() < 0.15:
        del options["subsampling"]
        options["keep_rgb"] = True
    return saved(image, "JPEG", **options)


def ppm(rng, width, height, kind, maxval, comment=b""):
    channels = 3 if kind == "6" else 1
    samples = rng.integers(0, maxval + 1, (height, width, channels))
    if maxval < 255 and width * height > 4:
        samples[0, 0] = maxval + 1  # above the maximum: clipped
    header = b"P%s\n%s%d %d\n%d\n" % (kind.encode(), comment, width, height, maxval)
    return header + samples.astype(">u2" if maxval > 255 else np.uint8).tobytes()


def _riff(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def webp_frames(canvas, frames, alpha=True):
    """An animated WebP of frames (x, y, blend, bytes of a WebP file) on a canvas (width, height).
    Pillow itself only writes animations whose first frame covers the canvas."""

    def three(number):
        return struct.pack("<I", number)[:3]

    body = _riff(b"VP8X", struct.pack("<I", 0x12 if alpha else 0x02) + three(canvas[0] - 1)
                 + three(canvas[1] - 1))
    body += _riff(b"ANIM", b"\x10\x80\xf0\xff" + b"\0\0")
    for x, y, blend, data in frames:
        width, height = Image.open(io.BytesIO(data)).size
        chunks = data[12:]
        if chunks[:4] == b"VP8X":
            chunks = chunks[18:]
        header = three(x // 2) + three(y // 2) + three(width - 1) + three(height - 1) + three(40)
        body += _riff(b"ANMF", header + bytes([0 if blend else 2]) + chunks)
    return _riff(b"RIFF", b"WEBP" + body)


def webp_kind(rng, width, height):
    """A WebP of any kind: lossy or lossless, with alpha, animation and metadata or without."""

    def options():
        return {"quality": int(rng.integers(0, 101)), "lossless": bool(rng.integers(2)),
                "method": int(rng.integers(0, 5)), "alpha_quality": int(rng.integers(0, 101)),
                "exact": bool(rng.integers(2))}

    def picture(wide, high):
        return Image.fromarray(smooth(rng, wide, high, channels))

    channels = int(rng.integers(3, 5))
    kind = rng.random()
    if kind < 0.2:
        more = [picture(width, height) for _ in range(int(rng.integers(1, 3)))]
        background = tuple(int(x) for x in rng.integers(0, 256, 4))
        return saved(picture(width, height), "WEBP", save_all=True, append_images=more,
                     background=background, **options())
    if kind < 0.4:
        frames = []
        for _ in range(int(rng.integers(1, 4))):
            x, y = int(rng.integers(width)) & ~1, int(rng.integers(height)) & ~1
            inner = picture(int(rng.integers(1, width - x + 1)), int(rng.integers(1, height - y + 1)))
            frames.append((x, y, bool(rng.integers(2)), saved(inner, "WEBP", **options())))
        return webp_frames((width, height), frames, channels == 4)
    metadata = {"icc_profile": b"no profile", "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0"}
    return saved(picture(width, height), "WEBP", **options(), **(metadata if kind < 0.6 else {}))


def random_file(rng, width, height):
    """(extension, bytes) of a random kind."""
    family = rng.random()
    if family < 0.2:
        return "webp", webp_kind(rng, width, height)
    if family < 0.5:
        depth, color, interlace = PNG_KINDS[int(rng.integers(len(PNG_KINDS)))]
        return "png", png_kind(rng, width, height, depth, color, interlace)
    if family < 0.7:
        return "jpg", jpeg_kind(rng, width, height)
    if family < 0.87:
        name = list(SAMPLINGS)[int(rng.integers(len(SAMPLINGS)))]
        restart = int(rng.integers(0, 4))
        adobe = int(rng.integers(0, 3)) if rng.random() < 0.4 else None
        return "jpg", jpeg(rng, width, height, SAMPLINGS[name], restart, adobe)
    maxval = int(rng.choice([255, 255, 65535, 1, 7, 100, 254, 256, 1000, 65534]))
    return "ppm", ppm(rng, width, height, str(rng.choice(["5", "6"])), maxval,
                      b"# by hand\n" if rng.random() < 0.5 else b"")
