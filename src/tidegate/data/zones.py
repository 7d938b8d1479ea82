"""Time zones: offsets from UTC as they are written, and times as objects of Python in a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.data.clock import Times
from tidegate.errors import DataError


def offset_of(zone: str) -> int:
    """Seconds east of UTC of 'Z', '+01', '+0100' or '+01:00'."""
    digits = zone.strip().replace(":", "")
    if not digits[1:].isdigit():
        return 0
    seconds = int(digits[1:3]) * 3600 + int(digits[3:5] or 0) * 60
    return -seconds if digits[0] == "-" else seconds


def in_zone(times: Times, zone: str) -> list[datetime]:
    """UTC times as objects in the zone, of which pandas and polars make columns in that zone."""
    place = _zone(zone)
    return [time.replace(tzinfo=UTC).astimezone(place) for time in times.astype("datetime64[us]").tolist()]


def of_zone(times: Times, zone: str) -> list[datetime]:
    """Times as the zone's clocks show them, as objects in the zone."""
    place = _zone(zone)
    return [time.replace(tzinfo=place) for time in times.astype("datetime64[us]").tolist()]


def has_one_offset(zone: str) -> bool:
    """Whether clocks of the zone are never put forward or back."""
    return _zone(zone).utcoffset(None) is not None


def _zone(name: str) -> tzinfo:
    match = re.fullmatch(r"(?:UTC)?([+-]\d{2}):(\d{2})", name)
    if match:
        return timezone(timedelta(seconds=offset_of(match[0].removeprefix("UTC"))))
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise DataError(
            f"the column of times is in the zone '{name}', which this machine does not know ({error}). Convert it to UTC or to a zone such "
            "as Europe/Berlin (pandas: frame['ds'].dt.tz_convert('UTC'))."
        ) from error
