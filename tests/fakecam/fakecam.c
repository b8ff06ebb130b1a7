/* A pretend USB webcam at /dev/video0, for one process that is started with LD_PRELOAD.
 *
 * It answers the V4L2 calls of OpenCV's camera backend, so what runs above it is the real thing: negotiation,
 * driver buffers that go stale, driver timestamps, MJPG decoding, a cable that is pulled.
 *
 * Environment
 *   FAKECAM_DIR  folder of frames (frames.py writes it)
 *   FAKECAM_CTL  text file with one word, looked at before every frame and every call; no file means plug
 *                  plug      works
 *                  unplug    the device is gone; an open handle stays dead even after plug, as with a real one
 *                  stall     no frames, no error
 *                  busy      open fails with EBUSY
 *                  denied    open fails with EACCES
 *                  slowopen  open takes 5 s, or until it is told something else
 *                  corrupt   the MJPG frames are damaged, as over a bad cable: cut short and overwritten in turn
 *                  slow      8 frames in a second, whatever rate was agreed on, as in a dark room
 *   FAKECAM_FPS  highest rate of the MJPG modes, 30 by default
 *   FAKECAM_LOG  file to which a line is added for every format, rate, buffer and stream request
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NODE "/dev/video0"
#define MODES 5
#define MOST_BUFFERS 8
#define BUFFER_BYTES ((size_t)4 << 20)
#define SLOW_FPS 8
#define BUFFER_STRIDE 0x1000000 /* distance of two buffers in the offsets that mmap is given */

/* The C library's own functions, which the ones below stand in front of. */
#define REAL(name, result, ...)              \
  static result (*real_##name)(__VA_ARGS__); \
  if (!real_##name) real_##name = (result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

struct mode {
  uint32_t pixel_format;
  uint32_t width, height;
  const char *file;
  const uint8_t *bytes; /* NULL where the folder has no such frames */
  uint32_t *offsets;    /* frames + 1 of them, for MJPG */
  uint32_t frames;
};

static struct mode modes[MODES] = {
    {.pixel_format = V4L2_PIX_FMT_YUYV, .width = 640, .height = 480, .file = "frames-640x480.yuyv"},
    {.pixel_format = V4L2_PIX_FMT_YUYV, .width = 1280, .height = 720, .file = "frames-1280x720.yuyv"},
    {.pixel_format = V4L2_PIX_FMT_MJPEG, .width = 640, .height = 480, .file = "frames-640x480.mjpg"},
    {.pixel_format = V4L2_PIX_FMT_MJPEG, .width = 1280, .height = 720, .file = "frames-1280x720.mjpg"},
    {.pixel_format = V4L2_PIX_FMT_MJPEG, .width = 1920, .height = 1080, .file = "frames-1920x1080.mjpg"},
};

struct fifo {
  int slots[MOST_BUFFERS];
  int length;
};

struct buffer {
  void *memory;
  uint32_t bytes_used, sequence;
  struct timeval stamp;
};

static struct {
  int handle; /* an eventfd, readable while a filled buffer waits; -1 while closed */
  struct mode *mode;
  int fps;
  bool streaming, dead;
  struct buffer buffers[MOST_BUFFERS];
  int buffer_count;
  struct fifo empty, filled;
  uint32_t frame_count;
  pthread_t sensor;
} camera = {.handle = -1};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void push(struct fifo *fifo, int slot) { fifo->slots[fifo->length++] = slot; }

static int pop(struct fifo *fifo) {
  int slot = fifo->slots[0];
  memmove(fifo->slots, fifo->slots + 1, sizeof(int) * --fifo->length);
  return slot;
}

static int fail(int code) {
  errno = code;
  return -1;
}

static void note(const char *format, ...) {
  const char *path = getenv("FAKECAM_LOG");
  FILE *file = path ? fopen(path, "a") : NULL;
  if (!file) return;
  va_list values;
  va_start(values, format);
  vfprintf(file, format, values);
  va_end(values);
  fclose(file);
}

static bool told(const char *word) {
  char text[32] = "plug";
  const char *path = getenv("FAKECAM_CTL");
  FILE *file = path ? fopen(path, "r") : NULL;
  if (file) {
    if (fscanf(file, "%31s", text) != 1) strcpy(text, "plug");
    fclose(file);
  }
  return !strcmp(text, word);
}

static void *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  fseek(file, 0, SEEK_END);
  *size = (size_t)ftell(file);
  rewind(file);
  void *bytes = malloc(*size ? *size : 1);
  if (bytes && fread(bytes, 1, *size, file) != *size) {
    free(bytes);
    bytes = NULL;
  }
  fclose(file);
  return bytes;
}

static void load_frames(void) {
  static bool loaded;
  const char *folder = getenv("FAKECAM_DIR");
  if (loaded || !folder) return;
  loaded = true;
  for (struct mode *mode = modes; mode < modes + MODES; mode++) {
    char path[4096];
    size_t size, index_size;
    snprintf(path, sizeof path, "%s/%s", folder, mode->file);
    mode->bytes = read_file(path, &size);
    if (!mode->bytes) continue;
    if (mode->pixel_format == V4L2_PIX_FMT_YUYV) {
      mode->frames = size / (mode->width * mode->height * 2);
      continue;
    }
    snprintf(path, sizeof path, "%s/%s.idx", folder, mode->file);
    mode->offsets = read_file(path, &index_size);
    mode->frames = mode->offsets ? index_size / sizeof(uint32_t) - 1 : 0;
  }
}

/* The mode of this pixel format nearest to this width; any mode that has frames where there is no such format. */
static struct mode *nearest_mode(uint32_t pixel_format, uint32_t width) {
  struct mode *found = NULL;
  for (struct mode *mode = modes; mode < modes + MODES; mode++) {
    if (!mode->frames) continue;
    bool same_format = mode->pixel_format == pixel_format;
    bool found_same = found && found->pixel_format == pixel_format;
    int distance = abs((int)mode->width - (int)width);
    if (!found || same_format > found_same ||
        (same_format == found_same && distance < abs((int)found->width - (int)width)))
      found = mode;
  }
  return found;
}

/* The n-th mode with frames that `pixel_format` (0: any, but each format once) has. */
static struct mode *nth_mode(uint32_t n, uint32_t pixel_format) {
  uint32_t last_format = 0;
  for (struct mode *mode = modes; mode < modes + MODES; mode++) {
    if (!mode->frames || (pixel_format ? mode->pixel_format != pixel_format : mode->pixel_format == last_format))
      continue;
    last_format = mode->pixel_format;
    if (n-- == 0) return mode;
  }
  return NULL;
}

/* Uncompressed pictures at 1280x720 don't fit through USB 2 faster than 10 in a second. */
static int highest_fps(const struct mode *mode) {
  if (mode->pixel_format == V4L2_PIX_FMT_YUYV) return mode->width > 640 ? 10 : 30;
  const char *said = getenv("FAKECAM_FPS");
  return said && atoi(said) > 0 ? atoi(said) : 30;
}

static const char *code_of(const struct mode *mode) {
  return mode->pixel_format == V4L2_PIX_FMT_YUYV ? "YUYV" : "MJPG";
}

static void wake_reader(void) {
  uint64_t one = 1;
  if (write(camera.handle, &one, sizeof one) < 0) note("could not wake the reader\n");
}

static void fill_a_buffer(void) {
  const struct mode *mode = camera.mode;
  uint32_t k = camera.frame_count++ % mode->frames;
  size_t size = (size_t)mode->width * mode->height * 2, start = k * size;
  if (mode->offsets) {
    start = mode->offsets[k];
    size = mode->offsets[k + 1] - start;
  }
  if (!camera.empty.length || size > BUFFER_BYTES) return; /* nobody reads: the frame is lost */
  int slot = pop(&camera.empty);
  struct buffer *buffer = &camera.buffers[slot];
  memcpy(buffer->memory, mode->bytes + start, size);
  if (mode->offsets && told("corrupt")) {
    if (k % 2)
      size /= 2;
    else
      memset(buffer->memory, 0, size / 8);
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  buffer->bytes_used = size;
  buffer->sequence = camera.frame_count;
  buffer->stamp = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
  push(&camera.filled, slot);
  wake_reader();
}

static void *sense(void *unused) {
  (void)unused;
  struct timespec next;
  clock_gettime(CLOCK_MONOTONIC, &next);
  for (;;) {
    pthread_mutex_lock(&lock);
    bool streaming = camera.streaming;
    int fps = camera.fps;
    pthread_mutex_unlock(&lock);
    if (!streaming) return NULL;
    if (told("slow")) fps = SLOW_FPS;
    next.tv_nsec += 1000000000L / fps;
    next.tv_sec += next.tv_nsec / 1000000000L;
    next.tv_nsec %= 1000000000L;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    if (told("stall")) continue;
    bool pulled = told("unplug");
    pthread_mutex_lock(&lock);
    camera.dead |= pulled;
    if (camera.streaming && camera.dead) wake_reader();
    if (camera.streaming && !camera.dead) fill_a_buffer();
    pthread_mutex_unlock(&lock);
  }
}

/* Stop the sensor and wait for it; return whether it ran. */
static bool stop_streaming(void) {
  pthread_mutex_lock(&lock);
  bool was_streaming = camera.streaming;
  camera.streaming = false;
  camera.empty.length = camera.filled.length = 0;
  pthread_mutex_unlock(&lock);
  if (was_streaming) pthread_join(camera.sensor, NULL);
  return was_streaming;
}

static int open_camera(void) {
  load_frames();
  if (told("unplug")) return fail(ENOENT);
  if (told("denied")) return fail(EACCES);
  if (told("busy") || camera.handle >= 0) return fail(EBUSY);
  for (int tenths = 0; tenths < 50 && told("slowopen"); tenths++) usleep(100000);
  struct mode *mode = nearest_mode(V4L2_PIX_FMT_YUYV, 640);
  if (!mode) return fail(EIO);
  camera.mode = mode;
  camera.fps = highest_fps(mode);
  camera.dead = false;
  camera.frame_count = 0;
  camera.handle = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
  note("open\n");
  return camera.handle;
}

static void describe(struct v4l2_pix_format *pix, const struct mode *mode) {
  memset(pix, 0, sizeof *pix);
  pix->width = mode->width;
  pix->height = mode->height;
  pix->pixelformat = mode->pixel_format;
  pix->field = V4L2_FIELD_NONE;
  pix->bytesperline = mode->pixel_format == V4L2_PIX_FMT_YUYV ? mode->width * 2 : 0;
  pix->sizeimage = mode->width * mode->height * 2;
  pix->colorspace = V4L2_COLORSPACE_SRGB;
}

static int set_format(struct v4l2_pix_format *pix, bool keep) {
  if (camera.streaming) return fail(EBUSY);
  struct mode *mode = nearest_mode(pix->pixelformat, pix->width);
  if (keep) {
    camera.mode = mode;
    camera.fps = highest_fps(mode);
    note("format %s %ux%u\n", code_of(mode), mode->width, mode->height);
  }
  describe(pix, mode);
  return 0;
}

static int set_rate(struct v4l2_streamparm *parameters, bool keep) {
  struct v4l2_captureparm *capture = &parameters->parm.capture;
  if (keep && capture->timeperframe.numerator) {
    int asked = capture->timeperframe.denominator / capture->timeperframe.numerator;
    int highest = highest_fps(camera.mode);
    camera.fps = asked < 1 ? 1 : asked > highest ? highest : asked;
    note("fps %d\n", camera.fps);
  }
  memset(&parameters->parm, 0, sizeof parameters->parm);
  capture->capability = V4L2_CAP_TIMEPERFRAME;
  capture->timeperframe = (struct v4l2_fract){.numerator = 1, .denominator = camera.fps};
  capture->readbuffers = 4;
  return 0;
}

static int make_buffers(struct v4l2_requestbuffers *request) {
  if (request->memory != V4L2_MEMORY_MMAP) return fail(EINVAL);
  for (int i = 0; i < camera.buffer_count; i++) free(camera.buffers[i].memory);
  if (request->count > MOST_BUFFERS) request->count = MOST_BUFFERS;
  camera.buffer_count = request->count;
  camera.empty.length = camera.filled.length = 0;
  for (int i = 0; i < camera.buffer_count; i++) camera.buffers[i].memory = malloc(BUFFER_BYTES);
  request->capabilities = V4L2_BUF_CAP_SUPPORTS_MMAP;
  note("buffers %d\n", camera.buffer_count);
  return 0;
}

static int take_filled(struct v4l2_buffer *wanted) {
  uint64_t signal;
  pthread_mutex_lock(&lock);
  if (!camera.filled.length || read(camera.handle, &signal, sizeof signal) < 0) {
    pthread_mutex_unlock(&lock);
    return fail(EAGAIN);
  }
  int slot = pop(&camera.filled);
  const struct buffer *buffer = &camera.buffers[slot];
  wanted->index = slot;
  wanted->bytesused = buffer->bytes_used;
  wanted->timestamp = buffer->stamp;
  wanted->sequence = buffer->sequence;
  wanted->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
  wanted->field = V4L2_FIELD_NONE;
  wanted->length = camera.mode->width * camera.mode->height * 2;
  wanted->memory = V4L2_MEMORY_MMAP;
  pthread_mutex_unlock(&lock);
  return 0;
}

static int answer(uint32_t request, void *argument) {
  camera.dead |= told("unplug");
  if (camera.dead && request != (uint32_t)VIDIOC_STREAMOFF) return fail(ENODEV);
  switch (request) {
    case VIDIOC_QUERYCAP: {
      struct v4l2_capability *capability = argument;
      memset(capability, 0, sizeof *capability);
      strcpy((char *)capability->driver, "uvcvideo");
      strcpy((char *)capability->card, "Pretend Webcam");
      strcpy((char *)capability->bus_info, "usb-1");
      capability->version = 0x60000;
      capability->device_caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING;
      capability->capabilities = capability->device_caps | V4L2_CAP_DEVICE_CAPS;
      return 0;
    }
    case VIDIOC_ENUMINPUT: {
      struct v4l2_input *input = argument;
      if (input->index) return fail(EINVAL);
      memset(input, 0, sizeof *input);
      strcpy((char *)input->name, "Camera 1");
      input->type = V4L2_INPUT_TYPE_CAMERA;
      return 0;
    }
    case VIDIOC_G_INPUT:
      *(int *)argument = 0;
      return 0;
    case VIDIOC_S_INPUT:
      return *(int *)argument ? fail(EINVAL) : 0;
    case VIDIOC_ENUM_FMT: {
      struct v4l2_fmtdesc *format = argument;
      const struct mode *mode = nth_mode(format->index, 0);
      if (!mode) return fail(EINVAL);
      format->pixelformat = mode->pixel_format;
      format->flags = mode->offsets ? V4L2_FMT_FLAG_COMPRESSED : 0;
      strcpy((char *)format->description, code_of(mode));
      return 0;
    }
    case VIDIOC_ENUM_FRAMESIZES: {
      struct v4l2_frmsizeenum *size = argument;
      const struct mode *mode = nth_mode(size->index, size->pixel_format);
      if (!mode) return fail(EINVAL);
      size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
      size->discrete.width = mode->width;
      size->discrete.height = mode->height;
      return 0;
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
      struct v4l2_frmivalenum *interval = argument;
      const struct mode *mode = nearest_mode(interval->pixel_format, interval->width);
      if (interval->index || mode->width != interval->width) return fail(EINVAL);
      interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
      interval->discrete = (struct v4l2_fract){.numerator = 1, .denominator = highest_fps(mode)};
      return 0;
    }
    case VIDIOC_G_FMT:
    case VIDIOC_TRY_FMT:
    case VIDIOC_S_FMT: {
      struct v4l2_format *format = argument;
      if (format->type != V4L2_BUF_TYPE_VIDEO_CAPTURE) return fail(EINVAL);
      if (request != (uint32_t)VIDIOC_G_FMT)
        return set_format(&format->fmt.pix, request == (uint32_t)VIDIOC_S_FMT);
      describe(&format->fmt.pix, camera.mode);
      return 0;
    }
    case VIDIOC_G_PARM:
    case VIDIOC_S_PARM:
      return set_rate(argument, request == (uint32_t)VIDIOC_S_PARM);
    case VIDIOC_REQBUFS:
      return make_buffers(argument);
    case VIDIOC_QUERYBUF:
    case VIDIOC_QBUF: {
      struct v4l2_buffer *buffer = argument;
      if (buffer->index >= (uint32_t)camera.buffer_count) return fail(EINVAL);
      if (request == (uint32_t)VIDIOC_QBUF) {
        pthread_mutex_lock(&lock);
        push(&camera.empty, buffer->index);
        pthread_mutex_unlock(&lock);
        return 0;
      }
      buffer->length = camera.mode->width * camera.mode->height * 2;
      buffer->m.offset = buffer->index * BUFFER_STRIDE;
      buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
      return 0;
    }
    case VIDIOC_DQBUF:
      return take_filled(argument);
    case VIDIOC_STREAMON:
      note("stream on %s %ux%u@%d\n", code_of(camera.mode), camera.mode->width, camera.mode->height, camera.fps);
      camera.streaming = true;
      return pthread_create(&camera.sensor, NULL, sense, NULL) ? fail(EIO) : 0;
    case VIDIOC_STREAMOFF: {
      uint64_t signal;
      stop_streaming();
      while (read(camera.handle, &signal, sizeof signal) > 0) continue;
      note("stream off after %u frames\n", camera.frame_count);
      return 0;
    }
    default:
      return fail(ENOTTY);
  }
}

/* From here on: what the program calls instead of the C library. */

static bool is_camera(const char *path) { return path && !strcmp(path, NODE); }

static bool needs_mode(int flags) { return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE; }

#define DEFINE_OPEN(name)                                    \
  int name(const char *path, int flags, ...) {               \
    if (is_camera(path)) return open_camera();               \
    REAL(name, int, const char *, int, ...);                 \
    if (!needs_mode(flags)) return real_##name(path, flags); \
    va_list values;                                          \
    va_start(values, flags);                                 \
    mode_t mode = va_arg(values, mode_t);                    \
    va_end(values);                                          \
    return real_##name(path, flags, mode);                   \
  }
DEFINE_OPEN(open)
DEFINE_OPEN(open64)

#define DEFINE_CHECKED_OPEN(name)              \
  int name(const char *path, int flags) {      \
    if (is_camera(path)) return open_camera(); \
    REAL(name, int, const char *, int);        \
    return real_##name(path, flags);           \
  }
DEFINE_CHECKED_OPEN(__open_2)
DEFINE_CHECKED_OPEN(__open64_2)

int close(int handle) {
  REAL(close, int, int);
  if (handle < 0 || handle != camera.handle) return real_close(handle);
  stop_streaming();
  camera.handle = -1;
  note("close\n");
  return real_close(handle);
}

int ioctl(int handle, unsigned long request, ...) {
  va_list values;
  va_start(values, request);
  void *argument = va_arg(values, void *);
  va_end(values);
  if (handle >= 0 && handle == camera.handle) return answer((uint32_t)request, argument);
  REAL(ioctl, int, int, unsigned long, ...);
  return real_ioctl(handle, request, argument);
}

static void *buffer_at(off_t offset) {
  off_t slot = offset / BUFFER_STRIDE;
  return slot >= 0 && slot < camera.buffer_count ? camera.buffers[slot].memory : MAP_FAILED;
}

#define DEFINE_MMAP(name)                                                                         \
  void *name(void *address, size_t length, int protection, int flags, int handle, off_t offset) { \
    if (handle >= 0 && handle == camera.handle) return buffer_at(offset);                         \
    REAL(name, void *, void *, size_t, int, int, int, off_t);                                     \
    return real_##name(address, length, protection, flags, handle, offset);                       \
  }
DEFINE_MMAP(mmap)
DEFINE_MMAP(mmap64)

int munmap(void *address, size_t length) {
  for (int i = 0; i < camera.buffer_count; i++)
    if (address == camera.buffers[i].memory) return 0;
  REAL(munmap, int, void *, size_t);
  return real_munmap(address, length);
}

/* `struct stat` and `struct stat64` are the same on 64-bit Linux. */
#define DEFINE_STAT(name, type)                             \
  int name(const char *path, struct type *status) {         \
    REAL(name, int, const char *, struct type *);           \
    if (!is_camera(path)) return real_##name(path, status); \
    if (told("unplug")) return fail(ENOENT);                \
    memset(status, 0, sizeof *status);                      \
    status->st_mode = S_IFCHR | 0660;                       \
    status->st_rdev = 81 << 8;                              \
    return 0;                                               \
  }
DEFINE_STAT(stat, stat)
DEFINE_STAT(stat64, stat64)

int access(const char *path, int wanted) {
  REAL(access, int, const char *, int);
  if (!is_camera(path)) return real_access(path, wanted);
  if (told("unplug")) return fail(ENOENT);
  return told("denied") && wanted != F_OK ? fail(EACCES) : 0;
}
