"""Pictures from integer formulas, so that the C# tests make the same ones."""
import numpy
import torch


def triangle(n):
    return numpy.abs(n % 256 - 128)


def picture(t, width, height):
    """BT.709 limited I420, turned into RGB in 0..1 as TrueLive.Core's ColourConversion does it."""
    y, x = numpy.mgrid[0:height, 0:width]
    luma = 16 + (triangle(3 * x + 5 * t) + triangle(2 * y + x - 3 * t)) * 219 // 256
    y, x = numpy.mgrid[0 : height // 2, 0 : width // 2]
    cb = 64 + triangle(2 * x + 4 * t)
    cr = 64 + triangle(3 * y - 2 * t)
    luma = (luma.astype(numpy.float32) - 16) / numpy.float32(219)
    cb, cr = ((c.repeat(2, 0).repeat(2, 1).astype(numpy.float32) - 128) / numpy.float32(224) for c in (cb, cr))
    kr, kb = 0.2126, 0.0722
    kg = 1 - kr - kb
    rgb = numpy.stack(
        [luma + 2 * (1 - kr) * cr, luma - 2 * (1 - kb) * kb / kg * cb - 2 * (1 - kr) * kr / kg * cr, luma + 2 * (1 - kb) * cb]
    )
    return torch.from_numpy(rgb.clip(0, 1).astype(numpy.float32))[None]
