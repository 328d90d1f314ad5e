/*
 * A disk that keeps only what it was told to keep: loaded into a process by LD_PRELOAD, this records what a file system must still have
 * after the machine stops, by the letter of POSIX. Everything else counts as lost.
 *
 *   fsync or fdatasync of a file       its contents, as they are now, are kept (under its inode number, in POWER_LOSS_KEPT)
 *   fsync of the directory             the names in it, as they are now, are kept (in POWER_LOSS_KEPT/names: inode, name, per line)
 *
 * Only files directly in POWER_LOSS_DIRECTORY are looked at. What is kept is replaced in one step, so that a kill at any moment leaves
 * the last state that a call has returned from, or the one of the call under way.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what) {
    perror(what);
    abort();
}

/* Replaces the kept file of this name by the one just written. */
static void replace(const char *name) {
    char from[4096], to[4096];
    snprintf(from, sizeof from, "%s/part", getenv("POWER_LOSS_KEPT"));
    snprintf(to, sizeof to, "%s/%s", getenv("POWER_LOSS_KEPT"), name);
    if (rename(from, to) != 0) die("power_loss: rename");
}

static FILE *begin(void) {
    char path[4096];
    snprintf(path, sizeof path, "%s/part", getenv("POWER_LOSS_KEPT"));
    FILE *file = fopen(path, "w");
    if (file == NULL) die("power_loss: open");
    return file;
}

static void keep_contents(const char *path, const struct stat *status) {
    static char buffer[1 << 16];
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) return; /* removed in the meantime: nobody can find it any more */
    FILE *to = begin();
    ssize_t length;
    while ((length = read(from, buffer, sizeof buffer)) > 0) fwrite(buffer, 1, (size_t)length, to);
    close(from);
    if (length < 0 || fclose(to) != 0) die("power_loss: copy");
    char name[32];
    snprintf(name, sizeof name, "%lu", (unsigned long)status->st_ino);
    replace(name);
}

static void keep_names(const char *path) {
    DIR *directory = opendir(path);
    if (directory == NULL) die("power_loss: opendir");
    FILE *to = begin();
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_type == DT_REG) fprintf(to, "%lu %s\n", (unsigned long)entry->d_ino, entry->d_name);
    closedir(directory);
    if (fclose(to) != 0) die("power_loss: names");
    replace("names");
}

static void keep(int descriptor) {
    const char *watched = getenv("POWER_LOSS_DIRECTORY");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    struct stat status;
    if (watched == NULL || length < 0 || fstat(descriptor, &status) != 0) return;
    path[length] = 0;
    size_t prefix = strlen(watched);
    if (strncmp(path, watched, prefix) != 0) return;
    pthread_mutex_lock(&lock);
    if (S_ISDIR(status.st_mode) && path[prefix] == 0) keep_names(path);
    if (S_ISREG(status.st_mode) && path[prefix] == '/') keep_contents(link, &status);
    pthread_mutex_unlock(&lock);
}

static int synced(const char *name, int descriptor) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (real == NULL) die(name);
    int result = real(descriptor);
    if (result == 0) keep(descriptor);
    return result;
}

int fsync(int descriptor) { return synced("fsync", descriptor); }

int fdatasync(int descriptor) { return synced("fdatasync", descriptor); }
