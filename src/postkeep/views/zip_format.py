"""How a ZIP is laid out, for who writes one and for who reads one. Source: PKWARE, APPNOTE.TXT 6.3.10."""

import struct
from typing import Final

LOCAL: Final = struct.Struct("<4sHHHHHLLLHH")
LOCAL_SIGNATURE: Final = b"PK\3\4"
"""What stands before a file (4.3.7)."""

CENTRAL: Final = struct.Struct("<4sHHHHHHLLLHHHHHLL")
CENTRAL_SIGNATURE: Final = b"PK\1\2"
"""A line of the directory (4.3.12)."""

END_64: Final = struct.Struct("<4sQHHLLQQQQ")
END_64_SIGNATURE: Final = b"PK\6\6"
"""What follows the directory of a ZIP that is long (4.3.14)."""

LOCATOR: Final = struct.Struct("<4sLQL")
LOCATOR_SIGNATURE: Final = b"PK\6\7"
"""Where that begins (4.3.15)."""

END: Final = struct.Struct("<4sHHHHLLH")
END_SIGNATURE: Final = b"PK\5\6"
"""What each ZIP ends with (4.3.16)."""

UNIX: Final = 3
"""The system whose rights a line of the directory tells (4.4.2)."""

STORED: Final = 0
DEFLATED: Final = 8
"""How a file is packed (4.4.5)."""

MOST_16: Final = 0xFFFF
MOST_32: Final = 0xFFFFFFFF
"""What stands in place of a number that does not fit (4.4.1.4)."""
