/* SPDX-License-Identifier: Apache-2.0 */
/* The network as a list of nodes in forward order, one mathematical operation each. Built once per
 * shape of network; plan.c gives its values memory, execute.c runs it. */
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

/* "convolution", "max_pool": for profiles and for values that no parameter names. */
const char *node_kind_name(enum node_kind kind);

typedef struct node {
    enum node_kind kind;
    int input, second;       /* nodes; second: a batchnorm's residual (or GRAPH_NONE), the second
                                part of a concat or an add, a gate */
    int h, w, c;             /* of its value, for one image */
    convolution_shape shape; /* convolutions; pools use kernel, stride and pad */
    int weight, bias;        /* parameters; a batchnorm's five follow each other from `weight` on,
                                a group norm's gamma and beta are weight and bias */
    bool relu;
    bool standardised; /* a convolution by its standardised weights (ops/weight_standardise.h) */
    int groups;        /* of a group norm */
    enum max_pool_padding padding;  /* of a max pool */
    bool detached, second_detached; /* sends no gradient to its input, to its second */
    /* Set by graph_finish: */
    int norm; /* the batchnorm behind a convolution that nothing else reads; GRAPH_NONE: none */
    bool has_gradient;                        /* a gradient of its value is computed */
    bool trains;                              /* its own parameters get a gradient */
    bool accumulate_input, accumulate_second; /* another node writes that gradient before it */
    /* Set by convolutions_choose: */
    convolution_choice choices[CONVOLUTION_DIRECTIONS];
    /* Set by the plan: */
    tensor value, gradient;
    cl_mem mean, inverse_deviation; /* batchnorm: of the batch; group norm: of each image's groups;
                                       standardised convolution: of its weights */
    cl_mem maxima;                  /* max pool: where they were */
} node;

/* One output: logits, and what the loss needs. */
typedef struct head {
    int logits; /* node, GRAPH_NONE when the network has no such head */
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

/* What a layer's parameters are called: "PREFIX.NAME.*" or, where the prefix is NULL, "NAME.*". */
typedef struct layer_name {
    const char *prefix, *name;
} layer_name;

/* Parameters are declared in state-dict order, which is not always forward order. Each returns the
 * index of the first one. */
int graph_declare_convolution(graph *g, layer_name of, int cin, int cout, int kernel, bool bias);
int graph_declare_batchnorm(graph *g, layer_name of, int channels);
int graph_declare_group_norm(graph *g, layer_name of, int channels);
int graph_declare_linear(graph *g, layer_name of, int in, int out);
/* A network from scratch starts that parameter at 0. */
void graph_start_at_zero(graph *g, int parameter);

/* Nodes; each returns its index. */
int graph_input(graph *g, int size);
int graph_convolution(graph *g, int input, int parameters, bool bias, convolution_shape shape);
int graph_standardised_convolution(graph *g, int input, int parameters, convolution_shape shape);
int graph_batchnorm(graph *g, int input, int parameters, bool relu, int residual);
int graph_group_norm(graph *g, int input, int parameters, int groups, bool relu);
int graph_max_pool(graph *g, int input, int kernel, int stride, int pad,
                   enum max_pool_padding padding);
int graph_average_pool(graph *g, int input);
/* NODE_CONCAT, NODE_ADD or NODE_GATE. */
int graph_pair(graph *g, enum node_kind kind, int input, int second);
int graph_linear(graph *g, int input, int parameters, int out);

/* Node `to` sends no gradient to `from`, one of those it reads. */
void graph_detach(graph *g, int to, int from);

/* Settles who needs gradients, after parameters have been frozen or thawed. */
status graph_finish(graph *g, bool training, error *err);
void graph_free(graph *g);

/* Whether node n, of a finished graph, sends its input a gradient; its second. */
bool graph_feeds_input(const graph *g, const node *n);
bool graph_feeds_second(const graph *g, const node *n);

/* Whether node n, of a finished graph, runs a convolution in that direction. */
bool graph_convolves(const graph *g, const node *n, enum convolution_direction direction);

/* Whether node n, with its algorithms, is a convolution that writes its batchnorm's value itself
 * when statistics are fixed. */
bool graph_takes_norm(const node *n);

/* The network of the options: model/hcnn.c. */
status hcnn_build(const network_options *options, graph *g, error *err);
