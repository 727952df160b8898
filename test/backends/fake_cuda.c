/* A CUDA driver without a GPU: device memory is host memory, work runs when it is enqueued.
 *
 * Prototypes as in cuda.h, so that a call with a wrong argument type goes wrong here, too.
 * FAKE_CUDA_FAIL names a function that is to fail. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int CUresult, CUdevice;
typedef unsigned long long CUdeviceptr;
typedef struct { void *to; const void *from; size_t size; void (*call)(void); } Work;
typedef struct { int count; Work work[16]; } Graph;
typedef struct { Graph *capturing; } Stream;

static int live, launches, captured, retained, host;
static __thread void *current;

#define ENTER(name) \
    const char *failing = getenv("FAKE_CUDA_FAIL"); \
    if (failing && !strcmp(failing, name)) return 2
#define IN_CONTEXT(name) ENTER(name); if (current != &live) return 201; if (!retained) return 709

int fake_live(void) { return live; }
int fake_current(void) { return current == &live; }
void *fake_host_context(void) { return &host; }
int fake_launches(void) { return launches; }
int fake_captured(void) { return captured; }

static CUresult enqueue(Stream *stream, Work work) {
    if (stream->capturing) { stream->capturing->work[stream->capturing->count++] = work; return 0; }
    if (work.call) work.call(); else memcpy(work.to, work.from, work.size);
    return 0;
}
CUresult fake_enqueue(Stream *stream, void (*call)(void)) {
    return enqueue(stream, (Work){0, 0, 0, call});
}

CUresult cuInit(unsigned flags) { ENTER("cuInit"); return flags ? 1 : 0; }
CUresult cuDeviceGetCount(int *count) { *count = 1; return 0; }
CUresult cuDeviceGet(CUdevice *device, int index) { *device = 7; return index ? 101 : 0; }
CUresult cuDeviceGetName(char *name, int size, CUdevice device) {
    strncpy(name, "Orin", size); return device == 7 ? 0 : 101;
}
CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device) {
    *value = attribute == 75 ? 8 : attribute == 76 ? 7 : attribute == 16 ? 16 : -1;
    return device == 7 ? 0 : 101;
}
CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) {
    *bytes = 7620ull << 20; return device == 7 ? 0 : 101;
}
CUresult cuDevicePrimaryCtxRetain(void **context, CUdevice device) {
    *context = &live; live++; retained++; return device == 7 ? 0 : 101;
}
/* Leaves the context current in every thread where it is, as the driver does. */
CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
    live--; retained--; return device == 7 ? 0 : 101;
}
CUresult cuCtxGetCurrent(void **context) { *context = current; return 0; }
CUresult cuCtxSetCurrent(void *context) {
    ENTER("cuCtxSetCurrent");
    if (context && context != &live && context != &host) return 201;
    current = context; return 0;
}
CUresult cuStreamCreate(void **stream, unsigned flags) {
    IN_CONTEXT("cuStreamCreate"); *stream = calloc(1, sizeof(Stream)); live++; return flags != 1;
}
CUresult cuStreamDestroy_v2(void *stream) { free(stream); live--; return 0; }
CUresult cuStreamSynchronize(Stream *stream) {
    IN_CONTEXT("cuStreamSynchronize"); return stream->capturing ? 900 : 0;
}
CUresult cuStreamBeginCapture_v2(Stream *stream, int mode) {
    IN_CONTEXT("cuStreamBeginCapture_v2");
    stream->capturing = calloc(1, sizeof(Graph)); live++; return mode != 1;
}
CUresult cuStreamEndCapture(Stream *stream, Graph **graph) {
    *graph = stream->capturing; stream->capturing = NULL;
    const char *failing = getenv("FAKE_CUDA_FAIL");
    if (failing && !strcmp(failing, "cuStreamEndCapture")) {
        free(*graph); live--; *graph = NULL; return 901;
    }
    return 0;
}
CUresult cuGraphInstantiateWithFlags(Graph **executable, Graph *graph, unsigned long long flags) {
    IN_CONTEXT("cuGraphInstantiateWithFlags");
    *executable = malloc(sizeof(Graph)); **executable = *graph; live++; captured++;
    return flags != 0;
}
CUresult cuGraphLaunch(Graph *graph, Stream *stream) {
    IN_CONTEXT("cuGraphLaunch");
    for (int i = 0; i < graph->count; i++) enqueue(stream, graph->work[i]);
    launches++; return 0;
}
CUresult cuGraphDestroy(Graph *graph) { free(graph); live--; return 0; }
CUresult cuGraphExecDestroy(Graph *graph) { free(graph); live--; return 0; }
CUresult cuMemGetInfo_v2(size_t *free, size_t *total) {
    IN_CONTEXT("cuMemGetInfo_v2"); *free = 3 << 19; *total = 1 << 30; return 0;
}
CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t size) {
    IN_CONTEXT("cuMemAlloc_v2"); *pointer = (CUdeviceptr)(uintptr_t)malloc(size); live++; return 0;
}
CUresult cuMemFree_v2(CUdeviceptr pointer) {
    if (current != &live) return 201;
    free((void *)(uintptr_t)pointer); live--; return 0;
}
CUresult cuMemHostAlloc(void **pointer, size_t size, unsigned flags) {
    IN_CONTEXT("cuMemHostAlloc"); *pointer = malloc(size); live++; return flags != 0;
}
CUresult cuMemFreeHost(void *pointer) {
    if (current != &live) return 201;
    free(pointer); live--; return 0;
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t size, Stream *stream) {
    IN_CONTEXT("cuMemcpyHtoDAsync_v2");
    return enqueue(stream, (Work){(void *)(uintptr_t)to, from, size, 0});
}
CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t size, Stream *stream) {
    IN_CONTEXT("cuMemcpyDtoHAsync_v2");
    return enqueue(stream, (Work){to, (const void *)(uintptr_t)from, size, 0});
}
CUresult cuGetErrorString(CUresult error, const char **text) {
    *text = error == 2 ? "out of memory" : error == 100 ? "no CUDA-capable device" : "other";
    return 0;
}
