"""Terms of harmless text: units, labels of measurements, and modes and makers of devices."""

from __future__ import annotations


def _terms(text: str) -> tuple[str, ...]:
    """Return the terms of a text, which are separated by commas."""
    return tuple(" ".join(term.split()) for term in text.split(","))


UNITS = _terms(
    """nm, um, mm, cm, mm2, cm2, mm3, cm3, ul, ml, cl, dl, l, cc, mmhg, cmh2o, kpa, mbar, hpa, bar, hz, khz,
    mhz, ghz, bpm, rpm, /min, 1/min, °c, oc, °f, °, deg, %, x, fps, db, mv, kv, kvp, ma, mas, mw, mj,
    mgy, msv, us, ms, s, sec, sek, min, mm/s, cm/s, m/s, ml/min, l/min, mg/dl, mmol/l, px, dpi, lux, lx,
    mb, gb, tb, kbit/s, mbit/s, b/s, bit, frames, ev, iso"""
)
"""Units. Single letters that may stand for a sex or for years of age are left out, as are weights."""

LABELS = _terms(
    """depth, tiefe, gain, verstärkung, zoom, mag, scale, skala, maßstab, range, dr, fr, frq, freq, frequency,
    frequenz, mi, ti, tis, tib, tic, ai, pressure, druck, temp, temperature, temperatur, hr, hf, puls,
    pulse, spo2, rr, nibp, etco2, resp, flow, exposure, belichtung, shutter, iris, wb, brightness,
    helligkeit, contrast, kontrast, sharpness, schärfe, level, stufe, power, leistung, light, licht,
    air, luft, prf, wf, sv, angle, winkel, focus, fokus, dist, distance, distanz, area, fläche, vol,
    volume, volumen, diameter, durchmesser, length, länge, width, breite, height, höhe, vmax, vmin,
    pgmax, ri, pi, fps, batt, battery, akku, dyn, map, persist, smooth, min, max, mean, avg"""
)
"""Labels of measurements; not those of age, weight or sex."""

COUNTERS = _terms("frame, frames, frm, bild, image, img, clip, #")
"""Labels of counters."""

ELAPSED = _terms("rec, t, t+, elapsed, dauer, duration, laufzeit, since, seit, timer, stopwatch")
"""Labels of elapsed times, which look like clock times."""

DEVICE_TERMS = _terms(
    """nbi, wli, bli, lci, afi, rdi, txi, i-scan, spies, fice, b-mode, m-mode, b mode, m mode, 2d, 3d, 4d,
    cfm, cpa, pw, cw, tdi, thi, harmonics, doppler, colour, color, power doppler, freeze, live, rec, play,
    pause, stop, standby, ready, zoom, hd, full hd, uhd, 4k, 1080p, 1080i, 720p, 2160p, auto, manual,
    peak, average, olympus, fujifilm, pentax medical, karl storz, stryker, ge healthcare, philips
    healthcare, siemens healthineers, mindray, esaote, sonosite, canon medical, samsung medison,
    hitachi, endoscopy, endoscope, endoskop, ultrasound, ultraschall, battery, akku, on, off"""
)
"""Modes and makers. Makers whose name alone is a common surname are listed with what follows it only."""
