"""Connections to a server through MariaDB Connector/C, one statement at a time: what the standard
library of Python cannot. A statement waits without the interpreter's lock, so threads can share
a process."""

import ctypes
import ctypes.util

OPT_CONNECT_TIMEOUT = 0
OPT_READ_TIMEOUT = 11


def library():
    found = ctypes.CDLL(ctypes.util.find_library("mariadb") or "libmariadb.so.3")
    for name in ("mysql_init", "mysql_real_connect", "mysql_store_result", "mysql_fetch_row"):
        getattr(found, name).restype = ctypes.c_void_p
    found.mysql_fetch_row.restype = ctypes.POINTER(ctypes.c_char_p)
    found.mysql_error.restype = ctypes.c_char_p
    return found


LIBRARY = library()


class SqlError(Exception):
    def __init__(self, number, text):
        super().__init__(f"{number}: {text}")
        self.number = number


class Connection:
    """seconds: until it is there; answer_seconds: for each statement, 0 is no limit."""

    def __init__(self, socket, seconds=5, answer_seconds=0):
        self.handle = ctypes.c_void_p(LIBRARY.mysql_init(None))
        for option, value in (OPT_CONNECT_TIMEOUT, seconds), (OPT_READ_TIMEOUT, answer_seconds):
            LIBRARY.mysql_options(self.handle, option, ctypes.byref(ctypes.c_uint(value)))
        if not LIBRARY.mysql_real_connect(self.handle, None, b"root", None, None, 0, socket.encode(), ctypes.c_ulong(0)):
            error = self.error()
            self.close()
            raise error

    def error(self):
        number = LIBRARY.mysql_errno(self.handle)
        return SqlError(number, (LIBRARY.mysql_error(self.handle) or b"").decode(errors="replace"))

    def execute(self, statement):
        """Rows as lists of text, or SqlError."""
        if LIBRARY.mysql_query(self.handle, statement.encode()):
            raise self.error()
        result = ctypes.c_void_p(LIBRARY.mysql_store_result(self.handle))
        if not result:
            if LIBRARY.mysql_errno(self.handle):  # it came in the place of the rows
                raise self.error()
            return []
        rows = []
        columns = LIBRARY.mysql_num_fields(result)
        while row := LIBRARY.mysql_fetch_row(result):
            rows.append([row[i].decode() if row[i] is not None else None for i in range(columns)])
        LIBRARY.mysql_free_result(result)
        return rows

    def close(self):
        if self.handle:
            LIBRARY.mysql_close(self.handle)
            self.handle = None
