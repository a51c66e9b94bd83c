/* Device and pinned memory: host memory that is counted and told apart.
 *
 * What is freed keeps its place for a while, where nobody can touch it: who reads or writes it ends
 * the process, by the checks here or by a signal, each time and not only when it was taken again.
 */
#define _GNU_SOURCE
#include "stand_in.h"

#include <pthread.h>
#include <sys/mman.h>

#define PLACES_KEPT 4096 /* of freed blocks */
#define PAGE ((size_t)4096)

typedef struct Block {
    char *address;
    size_t bytes;
    Kind kind;
    struct Block *next;
} Block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Block *blocks, *freed, **freed_end = &freed;
static size_t used, places;

size_t stand_in_total(void) { return (size_t)stand_in_number("STAND_IN_MEMORY_MIB", 8192) << 20; }

size_t stand_in_free(void) {
    size_t total = stand_in_total();
    return used < total ? total - used : 0;
}

static size_t pages(size_t bytes) { return (bytes + !bytes + PAGE - 1) / PAGE * PAGE; }

int stand_in_take(void **address, size_t bytes, Kind kind) {
    Block *block = malloc(sizeof *block);
    *address = NULL;
    pthread_mutex_lock(&lock);
    int refused = kind == DEVICE && bytes > stand_in_free();
    void *place = MAP_FAILED;
    if (!refused)
        place = mmap(NULL, pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    refused = place == MAP_FAILED;
    if (refused) {
        free(block);
    } else {
        *address = memset(place, 0xA5, bytes); /* nobody may take what he did not copy for a result */
        *block = (Block){place, bytes, kind, blocks};
        blocks = block;
        if (kind == DEVICE) used += bytes;
    }
    pthread_mutex_unlock(&lock);
    return refused ? NO_MEMORY : 0;
}

static Block *among(Block *list, const char *place) {
    for (; list; list = list->next)
        if (place >= list->address && place < list->address + pages(list->bytes)) return list;
    return NULL;
}

static void end(const char *use, const char *why) {
    fprintf(stderr, "memory of the GPU, or pinned, is %s %s\n", use, why);
    abort();
}

int stand_in_release(void *address, Kind kind) {
    if (!address) return 0;
    pthread_mutex_lock(&lock);
    Block **place = &blocks;
    while (*place && (*place)->address != address) place = &(*place)->next;
    Block *block = *place;
    if (!block) end("freed", among(freed, address) ? "twice" : "that never was there");
    if (block->kind != kind) end("freed", "as if it were of the other kind");
    *place = block->next;
    if (kind == DEVICE) used -= block->bytes;
    mmap(block->address, pages(block->bytes), PROT_NONE,
         MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    block->next = NULL;
    *freed_end = block;
    freed_end = &block->next;
    if (++places > PLACES_KEPT) {
        Block *oldest = freed;
        freed = oldest->next;
        places--;
        munmap(oldest->address, pages(oldest->bytes));
        free(oldest);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

Kind stand_in_kind(const void *address) {
    pthread_mutex_lock(&lock);
    Block *block = among(blocks, address);
    Kind kind = block ? block->kind : 0;
    if (!block && among(freed, address)) end("named", "that was freed");
    pthread_mutex_unlock(&lock);
    return kind;
}

void stand_in_need(const void *address, size_t bytes, const char *use) {
    const char *place = address;
    if (!bytes) return;
    pthread_mutex_lock(&lock);
    Block *block = among(blocks, place);
    if (!block) end(use, among(freed, place) ? "that was freed" : "that never was there");
    if (place + bytes > block->address + block->bytes) end(use, "past its end");
    pthread_mutex_unlock(&lock);
}
