/* SPDX-License-Identifier: Apache-2.0 */
/* A network as a list of nodes in forward order; each node is one mathematical operation. hcnn.c
 * builds it, plan.c gives its values memory, execute.c runs it. Nothing here uses the device. */
#pragma once

#include "model/network_options.h"
#include "model/parameter.h"
#include "ops/convolution.h"
#include "ops/max_pool.h"
#include "ops/tensor.h"

enum { GRAPH_NONE = -1 };

enum node_kind {
    NODE_INPUT,
    NODE_CONVOLUTION,
    NODE_BATCHNORM,  /* with the ReLU and residual add that follow it */
    NODE_GROUP_NORM, /* with the ReLU that follows it */
    NODE_MAX_POOL,
    NODE_AVERAGE_POOL,
    NODE_CONCAT,
    NODE_ADD,
    NODE_GATE, /* input * sigmoid(second) */
    NODE_LINEAR,
};

/* The kind's name, such as "max_pool", for profiles and for values of nodes without parameters. */
const char *node_kind_name(enum node_kind kind);

typedef struct node {
    enum node_kind kind;
    int input, second; /* nodes or GRAPH_NONE; second: the residual of a batchnorm, the second part
                          of a concat or add, the gate of a gate */
    int h, w, c;       /* size of its value for one image */
    convolution_shape shape; /* convolutions; pools use kernel, stride and pad */
    int weight, bias; /* parameters or GRAPH_NONE; the five of a batchnorm start at `weight`; gamma
                         and beta of a group norm are weight and bias */
    bool relu;
    bool standardised; /* a convolution with standardised weights (ops/weight_standardise.h) */
    int groups;        /* group norms */
    enum max_pool_padding padding;  /* max pools */
    bool detached, second_detached; /* sends no gradient to its input, to its second input */
    /* Set by graph_finish: */
    int norm; /* the batchnorm after a convolution, if nothing else reads it; else GRAPH_NONE */
    bool has_gradient; /* the gradient of its value is computed */
    bool trains;       /* the gradient of one of its parameters is computed */
    bool accumulate_input, accumulate_second; /* another node writes that gradient first */
    /* Set by convolutions_choose: */
    convolution_choice choices[CONVOLUTION_DIRECTIONS];
    /* Set by the plan: */
    tensor value, gradient;
    cl_mem mean, inverse_deviation; /* batchnorm: statistics of the batch; group norm: of each
                                       image's groups; standardised convolution: of its weights */
    cl_mem maxima;                  /* max pool: places of the maxima */
    cl_mem prepared[CONVOLUTION_DIRECTIONS]; /* convolutions: the weights as the algorithm of that
                                                direction multiplies them; NULL: as they are */
    /* Set by execution: the version of the weights that are prepared; 0: none. */
    uint64_t prepared_version[CONVOLUTION_DIRECTIONS];
} node;

/* One output: its logits, and the buffers of its loss. */
typedef struct head {
    int logits; /* node; GRAPH_NONE if the network has no such head */
    cl_mem labels, results;
} head;

enum head_index { HEAD_COARSE, HEAD_FINE, HEAD_COUNT };

typedef struct graph {
    node *nodes;
    int count;
    parameter *parameters;
    size_t parameter_count;
    head heads[HEAD_COUNT];
    bool training; /* set by graph_finish */
    bool failed;   /* memory ran out while building; graph_finish reports it */
} graph;

/* The name of a layer. Its parameters are named PREFIX.NAME.* or, if the prefix is NULL, NAME.*. */
typedef struct layer_name {
    const char *prefix, *name;
} layer_name;

/* Declare the parameters of a layer and return the index of the first one. Call these in the order
 * of the state dict, which is not always the forward order. */
int graph_declare_convolution(graph *g, layer_name of, int cin, int cout, int kernel, bool bias);
int graph_declare_batchnorm(graph *g, layer_name of, int channels);
int graph_declare_group_norm(graph *g, layer_name of, int channels);
int graph_declare_linear(graph *g, layer_name of, int in, int out);
/* Makes a parameter start at 0 in networks trained from scratch; see network_initialize. */
void graph_start_at_zero(graph *g, int parameter);

/* Append a node and return its index. `input`, `second` and `residual` are nodes, `parameters` is
 * the index of the layer's first parameter, and `size` is height and width of the image. */
int graph_input(graph *g, int size);
int graph_convolution(graph *g, int input, int parameters, bool bias, convolution_shape shape);
int graph_standardised_convolution(graph *g, int input, int parameters, convolution_shape shape);
int graph_batchnorm(graph *g, int input, int parameters, bool relu, int residual);
int graph_group_norm(graph *g, int input, int parameters, int groups, bool relu);
int graph_max_pool(graph *g, int input, int kernel, int stride, int pad,
                   enum max_pool_padding padding);
int graph_average_pool(graph *g, int input);
/* kind: NODE_CONCAT, NODE_ADD or NODE_GATE. */
int graph_pair(graph *g, enum node_kind kind, int input, int second);
int graph_linear(graph *g, int input, int parameters, int out);

/* Makes node `to` send no gradient to `from`, one of the nodes that it reads. */
void graph_detach(graph *g, int to, int from);

/* Decides which gradients are needed. Call it after building, and again after parameters were
 * frozen or thawed. Reports memory that ran out while the graph was built. */
status graph_finish(graph *g, bool training, error *err);
void graph_free(graph *g);

/* Whether node n of a finished graph sends a gradient to its input; to its second input. */
bool graph_feeds_input(const graph *g, const node *n);
bool graph_feeds_second(const graph *g, const node *n);

/* Whether node n of a finished graph runs a convolution in that direction; linear layers do. */
bool graph_convolves(const graph *g, const node *n, enum convolution_direction direction);

/* Whether node n, whose algorithms are chosen, is a convolution that, if the statistics are fixed,
 * also applies the batchnorm after it and writes the batchnorm's value. */
bool graph_takes_norm(const node *n);

/* Builds the network of the options (hcnn.c), without graph_finish. An unknown name, or options
 * that contradict each other, is STATUS_USAGE. The caller releases the graph with graph_free, also
 * after an error. */
status hcnn_build(const network_options *options, graph *g, error *err);
