/* Device and pinned memory: host memory that is counted and told apart. */
#include "stand_in.h"

#include <pthread.h>

typedef struct Block {
    char *address;
    size_t bytes;
    Kind kind;
    struct Block *next;
} Block;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static Block *blocks;
static size_t used;

size_t stand_in_total(void) { return (size_t)stand_in_number("STAND_IN_MEMORY_MIB", 8192) << 20; }

size_t stand_in_free(void) {
    size_t total = stand_in_total();
    return used < total ? total - used : 0;
}

int stand_in_take(void **address, size_t bytes, Kind kind) {
    Block *block = malloc(sizeof *block);
    *address = NULL;
    pthread_mutex_lock(&lock);
    int refused = kind == DEVICE && bytes > stand_in_free();
    if (!refused) refused = posix_memalign(address, 256, bytes ? bytes : 1);
    if (refused) {
        free(block);
    } else {
        /* nobody may take what he did not copy for a result */
        if (kind == DEVICE) memset(*address, 0xA5, bytes);
        *block = (Block){*address, bytes, kind, blocks};
        blocks = block;
        if (kind == DEVICE) used += bytes;
    }
    pthread_mutex_unlock(&lock);
    return refused ? NO_MEMORY : 0;
}

int stand_in_release(void *address) {
    if (!address) return 0;
    pthread_mutex_lock(&lock);
    Block **place = &blocks;
    while (*place && (*place)->address != address) place = &(*place)->next;
    Block *block = *place;
    if (block) {
        *place = block->next;
        if (block->kind == DEVICE) used -= block->bytes;
        free(block->address);
        free(block);
    }
    pthread_mutex_unlock(&lock);
    return block ? 0 : 1;
}

Kind stand_in_kind(const void *address) {
    const char *place = address;
    Kind kind = 0;
    pthread_mutex_lock(&lock);
    for (Block *block = blocks; block && !kind; block = block->next)
        if (place >= block->address && place < block->address + block->bytes) kind = block->kind;
    pthread_mutex_unlock(&lock);
    return kind;
}
