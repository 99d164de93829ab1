/* SPDX-License-Identifier: Apache-2.0 */
/* The ranks on MPI; see mpi_ranks.h.
 *
 * Each wait is a loop of a check and a short sleep, because an MPI that spins in a blocking call
 * uses the cores that a CPU device needs. Each kind of combination has its own communicator,
 * because within one communicator all ranks must begin in the same order. */
#include "mpi/mpi_ranks.h"
#include "base/half.h"
#include "mpi/guard.h"

#include <limits.h>
#include <mpi.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    KINDS = RANKS_MAX_FLOATS + 1,
    LOOKS = 100, /* checks before the first sleep */
};

static const struct timespec nap = {.tv_nsec = 50000};
static const struct timespec moment = {.tv_sec = 5}; /* time in which a launcher ends a job */

typedef struct joined_ranks {
    ranks r;
    MPI_Comm common;       /* for calls that all ranks wait for */
    MPI_Comm kinds[KINDS]; /* for ranks_begin */
    MPI_Op sum_of_halves;
} joined_ranks;

static joined_ranks *of(const ranks *r)
{
    return r->context;
}

static status check(int code, const char *what, error *err)
{
    char text[MPI_MAX_ERROR_STRING];
    int length;
    if (code == MPI_SUCCESS)
        return STATUS_OK;
    if (MPI_Error_string(code, text, &length) != MPI_SUCCESS)
        strcpy(text, "unknown error");
    return error_set(err, STATUS_FAILED, "MPI: %s while %s", text, what);
}

/* Waits for a request; `code` is the result of the call that began it. */
static status finish(int code, MPI_Request *request, const char *what, error *err)
{
    int done = 0;
    TRY(check(code, what, err));
    for (int looks = 0; !done; looks++) {
        TRY(check(MPI_Test(request, &done, MPI_STATUS_IGNORE), what, err));
        if (!done && looks >= LOOKS)
            nanosleep(&nap, NULL);
    }
    return STATUS_OK;
}

/* MPI counts are ints. */
static status check_count(size_t count, error *err)
{
    return count <= INT_MAX ? STATUS_OK
                            : error_set(err, STATUS_FAILED,
                                        "%zu values in one message are too many for MPI", count);
}

/* One rank adds for all, so that the sums are bit-identical everywhere. */
static status sum(const ranks *r, double *values, size_t count, error *err)
{
    static const char what[] = "summing over the ranks";
    MPI_Request request;
    MPI_Comm common = of(r)->common;
    bool lead = r->rank == 0;
    TRY(check_count(count, err));
    TRY(finish(MPI_Ireduce(lead ? MPI_IN_PLACE : values, lead ? values : NULL, (int)count,
                           MPI_DOUBLE, MPI_SUM, 0, common, &request),
               &request, what, err));
    return finish(MPI_Ibcast(values, (int)count, MPI_DOUBLE, 0, common, &request), &request, what,
                  err);
}

static status gather(const ranks *r, const float *mine, size_t count, float *all, error *err)
{
    MPI_Request request;
    TRY(check_count(count, err));
    return finish(MPI_Iallgather(mine, (int)count, MPI_FLOAT, all, (int)count, MPI_FLOAT,
                                 of(r)->common, &request),
                  &request, "gathering from the ranks", err);
}

static status broadcast(const ranks *r, void *data, size_t bytes, error *err)
{
    MPI_Request request;
    TRY(check_count(bytes, err));
    return finish(MPI_Ibcast(data, (int)bytes, MPI_BYTE, 0, of(r)->common, &request), &request,
                  "broadcasting to the ranks", err);
}

static void add_halves(void *in, void *in_out, int *count, MPI_Datatype *type)
{
    (void)type;
    half_add(in, (size_t)*count, in_out);
}

static status begin(const ranks *r, enum ranks_combination how, void *values, size_t count,
                    void **request, error *err)
{
    const joined_ranks *j = of(r);
    bool halves = how == RANKS_SUM_HALVES;
    MPI_Op op = how == RANKS_MAX_FLOATS ? MPI_MAX : halves ? j->sum_of_halves : MPI_SUM;
    TRY(check_count(count, err));
    MPI_Request *begun = malloc(sizeof *begun);
    TRY(got_memory(begun, err, "a message"));
    status result =
        check(MPI_Iallreduce(MPI_IN_PLACE, values, (int)count, halves ? MPI_UINT16_T : MPI_FLOAT,
                             op, j->kinds[how], begun),
              "summing gradients", err);
    if (result == STATUS_OK)
        *request = begun;
    else
        free(begun);
    return result;
}

static status poll(const ranks *r, void **request, bool *done, error *err)
{
    int flag = 0;
    (void)r;
    status result = check(MPI_Test(*request, &flag, MPI_STATUS_IGNORE), "summing gradients", err);
    *done = result == STATUS_OK && flag;
    if (*done || result != STATUS_OK) {
        free(*request);
        *request = NULL;
    }
    return result;
}

/* ---- Joining and leaving ---- */

static const char joining[] = "joining the ranks";

static status copy_world(MPI_Comm *copy, error *err)
{
    TRY(check(MPI_Comm_dup(MPI_COMM_WORLD, copy), joining, err));
    return check(MPI_Comm_set_errhandler(*copy, MPI_ERRORS_RETURN), joining, err);
}

/* Finds the number of this rank among those of its machine. */
static status find_place(ranks *r, error *err)
{
    static const char what[] = "finding the ranks of this machine";
    MPI_Comm machine;
    TRY(check(
        MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, r->rank, MPI_INFO_NULL, &machine),
        what, err));
    status result = check(MPI_Comm_rank(machine, &r->place), what, err);
    MPI_Comm_free(&machine);
    return result;
}

static status fill(joined_ranks *j, error *err)
{
    TRY(check(MPI_Comm_rank(MPI_COMM_WORLD, &j->r.rank), joining, err));
    TRY(check(MPI_Comm_size(MPI_COMM_WORLD, &j->r.count), joining, err));
    TRY(find_place(&j->r, err));
    TRY(copy_world(&j->common, err));
    for (int kind = 0; kind < KINDS; kind++)
        TRY(copy_world(&j->kinds[kind], err));
    return check(MPI_Op_create(add_halves, 1, &j->sum_of_halves), joining, err);
}

status mpi_ranks_join(const ranks **joined, error *err)
{
    int provided;
    *joined = NULL;
    if (mpi_ranks_announced() <= 1)
        return STATUS_OK;
    guard_process();
    joined_ranks *j = malloc(sizeof *j);
    TRY(got_memory(j, err, "the ranks"));
    j->r = (ranks){.sum = sum,
                   .gather = gather,
                   .broadcast = broadcast,
                   .begin = begin,
                   .poll = poll,
                   .context = j};
    status result;
    TRY_OR_DONE(check(MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided), joining, err));
    TRY_OR_DONE(fill(j, err));
    *joined = &j->r;
    return STATUS_OK;
done:
    free(j);
    return result;
}

void mpi_ranks_leave(const ranks *r)
{
    if (!r)
        return;
    joined_ranks *j = of(r);
    MPI_Op_free(&j->sum_of_halves);
    MPI_Comm_free(&j->common);
    for (int kind = 0; kind < KINDS; kind++)
        MPI_Comm_free(&j->kinds[kind]);
    MPI_Finalize();
    free(j);
}

void mpi_ranks_await_lead(const ranks *r)
{
    signal(SIGTERM, SIG_DFL); /* lets the launcher end this rank if another failed first */
    if (r->rank != 0)
        nanosleep(&moment, NULL);
}

void mpi_ranks_abort(int code)
{
    MPI_Abort(MPI_COMM_WORLD, code);
    exit(code); /* MPI_Abort does not return */
}
