/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers that are a function of (seed, stream, index) and nothing else. There is no state
 * to save, threads cannot disturb each other, and a resumed run draws the same numbers as an
 * uninterrupted one. The generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as
 * easy as 1, 2, 3", SC 2011); kernels/initialize.cl implements it for the device. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Each use draws from a stream of its own, so that adding one never shifts another. */
enum random_stream {
    RANDOM_SPLIT = 1,   /* validation and test halves */
    RANDOM_ORDER = 2,   /* order of the training images; the index contains the epoch */
    RANDOM_AUGMENT = 3, /* rotation and flip; the index contains epoch and position */
    RANDOM_WEIGHTS = 4, /* initial weights; the index contains the parameter */
    RANDOM_SAMPLE = 5,  /* the drawn sample's pictures */
    RANDOM_TEST = 6,    /* tests */
    RANDOM_BALANCE = 7, /* classes and images of a balanced order; see data/balance.h */
    RANDOM_SWEEP = 8,   /* points of a sweep; the index contains trial and parameter */
    RANDOM_BAYES = 9, /* candidates of a sweep; the index contains trial, candidate and parameter */
    /* The other augmentations, with the same index as RANDOM_AUGMENT. The stream's upper 16 bits
       contain the turn. */
    RANDOM_CROP = 16,
    RANDOM_RESIZED_CROP,
    RANDOM_CUTOUT,
    RANDOM_MIXUP,
    RANDOM_CUTMIX,
    RANDOM_CUTMIX_CENTRE,
    RANDOM_MIX_CHOICE,
};

/* Four independent words for one (seed, stream, index). */
void random_block(uint64_t seed, uint32_t stream, uint64_t index, uint32_t words[4]);

/* Uniform in [0, 1), from the first word of the block. */
double random_uniform(uint64_t seed, uint32_t stream, uint64_t index);

/* Fills order[0..count) with a permutation of 0..count-1; `turn` (an epoch) selects which one. */
void random_permutation(uint64_t seed, uint32_t stream, uint32_t turn, uint32_t *order,
                        size_t count);
