/* A target that answers GET /HOLD_MS/ID after HOLD_MS milliseconds, and says how long it really held the request.

   One thread, epoll and a timer of its own per request, so that what is measured of a prober is the prober. The time is
   taken when the request was read and again before the answer is written: "server-held-ns" is the truth to compare
   with. An ID other than 0 is also printed with it, for probers that do not show headers. GET /count says how many
   requests were answered. Prints its port first. */

#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MOST 65536

struct slot {
    int timer_of; /* the connection a timer belongs to, or 0 */
    int length;
    unsigned id;
    int64_t read_at;
    char text[1024];
};

static struct slot slots[MOST];
static unsigned long answered;
static int loop;

static int64_t now_ns(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void watch(int fd) {
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(loop, EPOLL_CTL_ADD, fd, &wanted);
}

static void answer(int fd, unsigned long body) {
    char text[256], digits[24];
    int64_t held = now_ns() - slots[fd].read_at;
    int length = snprintf(digits, sizeof digits, "%lu\n", body);
    int size = snprintf(text, sizeof text,
                        "HTTP/1.1 200 OK\r\nserver-held-ns: %lld\r\ncontent-type: text/plain\r\n"
                        "content-length: %d\r\nconnection: close\r\n\r\n%s",
                        (long long)held, length, digits);
    if (write(fd, text, size) != size) perror("write");
    close(fd);
    if (slots[fd].id) printf("%u %lld\n", slots[fd].id, (long long)held);
}

static void hold(int fd, unsigned hold_ms) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    if (timer < 0 || timer >= MOST) {
        close(fd);
        return;
    }
    int64_t until = slots[fd].read_at + hold_ms * 1000000LL;
    struct itimerspec at = {.it_value = {.tv_sec = until / 1000000000LL, .tv_nsec = until % 1000000000LL}};
    slots[timer].timer_of = fd;
    watch(timer);
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void take(int fd) {
    struct slot *slot = &slots[fd];
    int got = read(fd, slot->text + slot->length, sizeof slot->text - 1 - slot->length);
    if (got <= 0) {
        close(fd); /* while a request is held its connection is not looked at, so this is never one of those */
        return;
    }
    slot->length += got;
    slot->text[slot->length] = 0;
    if (!strstr(slot->text, "\r\n\r\n")) return;
    slot->read_at = now_ns();
    unsigned hold_ms = 0;
    if (sscanf(slot->text, "GET /%u/%u", &hold_ms, &slot->id) < 1) {
        answer(fd, answered);
        return;
    }
    answered++;
    epoll_ctl(loop, EPOLL_CTL_DEL, fd, NULL);
    if (hold_ms)
        hold(fd, hold_ms);
    else
        answer(fd, 0);
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (fd >= MOST) {
            close(fd);
            continue;
        }
        slots[fd].timer_of = slots[fd].length = 0;
        slots[fd].id = 0;
        watch(fd);
    }
}

static int listening(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096) ||
        getsockname(fd, (struct sockaddr *)&at, &size)) {
        perror("listen");
        exit(1);
    }
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    return fd;
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* a prober may have left before its answer */
    struct rlimit most;
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
    loop = epoll_create1(0);
    int listener = listening();
    watch(listener);
    watch(STDIN_FILENO); /* its end is the sign to stop */
    for (;;) {
        struct epoll_event ready[256];
        int count = epoll_wait(loop, ready, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == STDIN_FILENO) {
                fflush(stdout);
                return 0;
            }
            if (fd == listener) {
                accept_all(listener);
            } else if (slots[fd].timer_of) {
                int connection = slots[fd].timer_of;
                slots[fd].timer_of = 0;
                close(fd);
                answer(connection, 0);
            } else {
                take(fd);
            }
        }
    }
}
