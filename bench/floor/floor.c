/*
 * The floor: what the kernel alone costs. It sends the bytes that our doors send, one send() for each
 * subscriber and loop turn, and does nothing else: no ids are looked up, nothing is kept, nobody is
 * checked. Only publishers and newcomers are polled; a subscriber is never read from again.
 *
 *     floor PORT sse|websocket|redis|socketio
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_POLLED 4096
#define MAX_SUBSCRIBERS 20000
#define READ_BYTES (64 * 1024)
#define BATCH_BYTES (1024 * 1024)
/* Room before the batch for the head of a chunk. */
#define HEAD_ROOM 16

enum door { SSE, WEBSOCKET, REDIS, SOCKETIO };

struct polled {
  char *buffer;
  size_t have;
  int subscribed;
};

static enum door door;
static struct pollfd fds[MAX_POLLED];
static struct polled states[MAX_POLLED];
static int polled = 1;
static int subscribers[MAX_SUBSCRIBERS];
static int subscribed = 0;
static char space[HEAD_ROOM + BATCH_BYTES];
static char *const batch = space + HEAD_ROOM;
static size_t batched = 0;
static char replies[READ_BYTES * 4];
static size_t replied;
static time_t last_second;
static unsigned within;

static void die(const char *what) {
  perror(what);
  exit(1);
}

static void reply(const char *bytes, size_t size) {
  if (replied + size > sizeof replies) die("too many replies");
  memcpy(replies + replied, bytes, size);
  replied += size;
}

static size_t frame(char *out, const char *text, size_t length) {
  size_t at = 0;
  out[at++] = (char)0x81;
  if (length < 126) out[at++] = (char)length;
  else {
    out[at++] = 126;
    out[at++] = (char)(length >> 8);
    out[at++] = (char)(length & 255);
  }
  memcpy(out + at, text, length);
  return at + length;
}

static void reply_frame(const char *text) {
  char out[512];
  reply(out, frame(out, text, strlen(text)));
}

/* Frames a body as our door does, and adds it to the batch of this turn. */
static void publish(const char *body, size_t length) {
  struct timespec now;
  char text[4096];
  char *out = batch + batched;
  if (batched + length + 256 > BATCH_BYTES || length > 3000) die("too much in one turn");
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  within = now.tv_sec == last_second ? within + 1 : 0;
  last_second = now.tv_sec;
  int n = (int)length;
  switch (door) {
    case SSE:
      batched += (size_t)sprintf(out, "id: %ld-%u\ndata: %.*s\n\n", (long)last_second, within, n, body);
      break;
    case WEBSOCKET:
      n = sprintf(text, "{\"id\":\"%ld-%u\",\"channel\":\"bench\",\"time\":%ld%03ld,\"type\":\"text/plain\",\"body\":\"%.*s\"}",
                  (long)last_second, within, (long)now.tv_sec, now.tv_nsec / 1000000, n, body);
      batched += frame(out, text, (size_t)n);
      break;
    case REDIS:
      batched += (size_t)sprintf(out, "*3\r\n$7\r\nmessage\r\n$5\r\nbench\r\n$%d\r\n%.*s\r\n", n, n, body);
      break;
    case SOCKETIO:
      n = sprintf(text, "42[\"message\",\"%.*s\"]", n, body);
      batched += frame(out, text, (size_t)n);
      break;
  }
}

static void send_all(int fd, const char *bytes, size_t size) {
  while (size > 0) {
    ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return;
    bytes += sent;
    size -= (size_t)sent;
  }
}

static void flush_batch(void) {
  char *from = batch;
  if (batched == 0) return;
  if (door == SSE) {
    char head[HEAD_ROOM + 1];
    int n = snprintf(head, sizeof head, "%zx\r\n", batched);
    from = batch - n;
    memcpy(from, head, (size_t)n);
    memcpy(batch + batched, "\r\n", 2);
    batched += 2 + (size_t)n;
  }
  for (int i = 0; i < subscribed; i++) send_all(subscribers[i], from, batched);
  batched = 0;
}

static const char EVENTS[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    "Transfer-Encoding: chunked\r\n\r\n";
static const char UPGRADED[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
static const char CREATED[] = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";

/* One complete request: its length, or 0 without one. */
static size_t request(struct polled *one, char *at, size_t have) {
  char *end;
  if (have < 6) return 0;
  if (memcmp(at, "GET ", 4) == 0) {
    if (!(end = memmem(at, have, "\r\n\r\n", 4))) return 0;
    if (door == SSE) reply(EVENTS, sizeof EVENTS - 1);
    else reply(UPGRADED, sizeof UPGRADED - 1);
    if (door == SOCKETIO)
      reply_frame("0{\"sid\":\"x\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":1000000}");
    else one->subscribed = 1;
    return (size_t)(end + 4 - at);
  }
  if (memcmp(at, "POST ", 5) == 0) {
    char *field;
    if (!(end = memmem(at, have, "\r\n\r\n", 4))) return 0;
    if (!(field = memmem(at, (size_t)(end - at), "Content-Length: ", 16))) die("no length");
    size_t length = strtoul(field + 16, NULL, 10);
    end += 4;
    if ((size_t)(end - at) + length > have) return 0;
    publish(end, length);
    reply(CREATED, sizeof CREATED - 1);
    return (size_t)(end - at) + length;
  }
  if (*at == '*') {
    char *words[3] = {0};
    size_t lengths[3] = {0};
    char *next = memmem(at, have, "\r\n", 2);
    int count = atoi(at + 1);
    if (!next || count > 3) return 0;
    next += 2;
    for (int i = 0; i < count; i++) {
      char *line = memmem(next, have - (size_t)(next - at), "\r\n", 2);
      if (!line) return 0;
      lengths[i] = strtoul(next + 1, NULL, 10);
      words[i] = line + 2;
      next = words[i] + lengths[i] + 2;
      if (next > at + have) return 0;
    }
    if (strncmp(words[0], "SUBSCRIBE", 9) == 0) {
      static const char SUBSCRIBED[] = "*3\r\n$9\r\nsubscribe\r\n$5\r\nbench\r\n:1\r\n";
      reply(SUBSCRIBED, sizeof SUBSCRIBED - 1);
      one->subscribed = 1;
    } else {
      char number[32];
      publish(words[2], lengths[2]);
      reply(number, (size_t)sprintf(number, ":%d\r\n", subscribed));
    }
    return (size_t)(next - at);
  }
  /* A Socket.IO client's frame, short and masked with zeros. */
  size_t length = (unsigned char)at[1] & 0x7f;
  if (have < 6 + length) return 0;
  if (memcmp(at + 6, "40", 2) == 0) reply_frame("40{\"sid\":\"y\"}");
  else if (memcmp(at + 6, "42", 2) == 0) {
    reply_frame("430[{\"ok\":true}]");
    one->subscribed = 1;
  }
  return 6 + length;
}

static void forget(int i) {
  free(states[i].buffer);
  polled--;
  fds[i] = fds[polled];
  states[i] = states[polled];
}

/* Returns whether the connection is still polled. */
static int receive(int i) {
  struct polled *one = &states[i];
  ssize_t got = recv(fds[i].fd, one->buffer + one->have, READ_BYTES - one->have, 0);
  if (got <= 0) {
    close(fds[i].fd);
    forget(i);
    return 0;
  }
  one->have += (size_t)got;
  size_t used = 0, length;
  replied = 0;
  while (used < one->have && (length = request(one, one->buffer + used, one->have - used)) > 0)
    used += length;
  memmove(one->buffer, one->buffer + used, one->have - used);
  one->have -= used;
  send_all(fds[i].fd, replies, replied);
  if (!one->subscribed) return 1;
  if (subscribed == MAX_SUBSCRIBERS) die("too many subscribers");
  subscribers[subscribed++] = fds[i].fd;
  forget(i);
  return 0;
}

int main(int argc, char **argv) {
  static const char *const names[] = {"sse", "websocket", "redis", "socketio"};
  int on = 1, known = 0;
  if (argc != 3) return fprintf(stderr, "floor PORT DOOR\n"), 2;
  for (int i = 0; i < 4; i++) {
    if (strcmp(argv[2], names[i]) == 0) {
      door = (enum door)i;
      known = 1;
    }
  }
  if (!known) return fprintf(stderr, "no door %s\n", argv[2]), 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  int listening = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1]))};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(listening, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
  if (listen(listening, 4096) < 0) die("listen");
  fds[0] = (struct pollfd){.fd = listening, .events = POLLIN};
  for (;;) {
    if (poll(fds, (nfds_t)polled, -1) < 0) continue;
    int before = polled;
    for (int i = before - 1; i > 0; i--)
      if (fds[i].revents) receive(i);
    flush_batch();
    if (fds[0].revents && polled < MAX_POLLED) {
      int fd = accept(listening, NULL, NULL);
      if (fd < 0) continue;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      fds[polled] = (struct pollfd){.fd = fd, .events = POLLIN};
      states[polled] = (struct polled){.buffer = malloc(READ_BYTES)};
      polled++;
    }
  }
}
