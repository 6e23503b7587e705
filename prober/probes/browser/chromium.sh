#!/bin/sh
# Starts the Chromium named by PROBER_CHROMIUM. It heeds only the last --disable-features it is given, so that saying
# one more would bring back what Playwright switches off: all of them become one here.
#
# WebUIOmnibox*: every window, so every context, gets two hidden pages for its address bar, which cost 1 to 2 seconds
# of processor time beside the page that is being measured.
off=WebUIOmniboxPopup,WebUIOmniboxAimPopup
for flag do
    shift
    case $flag in
        --disable-features=*) off=$off,${flag#*=} ;;
        *) set -- "$@" "$flag" ;;
    esac
done
exec "$PROBER_CHROMIUM" "$@" "--disable-features=$off"
