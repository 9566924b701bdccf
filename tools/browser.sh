#!/usr/bin/env bash
# A headless Chromium for the tests that open a report in a real browser. Does nothing where one is there;
# where it cannot be installed the browser tests skip and say so.
set -u
command -v chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    apt-get update -qq >/dev/null 2>&1
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null 2>&1
fi
command -v chromium >/dev/null 2>&1 || echo "no Chromium here: the browser tests will skip (Debian: apt-get install chromium)"
exit 0
