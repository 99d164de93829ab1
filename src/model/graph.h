/* The network as a list of nodes in forward order. Built once per shape of network; plan.c gives
 * its values memory, execute.c runs it. */
#ifndef HCNN_MODEL_GRAPH_H
#define HCNN_MODEL_GRAPH_H

#include "model/network.h"
#include "ops/convolution.h"
#include "ops/tensor.h"

enum { GRAPH_NONE = -1 };

enum node_kind {
    NODE_INPUT,
    NODE_CONVOLUTION,
    NODE_BATCHNORM, /* with the ReLU and residual add that follow it */
    NODE_MAX_POOL,
    NODE_AVERAGE_POOL,
    NODE_CONCAT,
    NODE_LINEAR,
};

typedef struct node {
    enum node_kind kind;
    int input, second;       /* nodes; second: a batchnorm's residual, a concat's second part */
    int h, w, c;             /* of its value, for one image */
    convolution_shape shape; /* convolutions; pools use kernel, stride and pad */
    int weight, bias;        /* parameters; a batchnorm's five follow each other from `weight` on */
    bool relu;
    bool detached; /* sends no gradient to its input */
    /* Set by graph_finish: */
    int norm; /* the batchnorm behind a convolution that nothing else reads; GRAPH_NONE: none */
    bool has_gradient;                        /* a gradient of its value is computed */
    bool trains;                              /* its own parameters get a gradient */
    bool accumulate_input, accumulate_second; /* another node writes that gradient before it */
    /* Set by the plan: */
    const convolution_algorithm *algorithms[CONVOLUTION_DIRECTIONS];
    tensor value, gradient;
    cl_mem mean, inverse_deviation; /* batchnorm: of the batch */
    cl_mem maxima;                  /* max pool: where they were */
} node;

/* One output: logits, and what the loss needs. */
typedef struct head {
    int logits; /* node, GRAPH_NONE when the network has no such head */
    cl_mem labels, results, probabilities;
} head;

enum head_index { HEAD_COARSE, HEAD_FINE, HEAD_COUNT };

typedef struct graph {
    node *nodes;
    int count, capacity;
    parameter *parameters;
    size_t parameter_count, parameter_capacity;
    head heads[HEAD_COUNT];
    bool training; /* set by graph_finish */
    bool failed;   /* memory ran out while building; graph_finish reports it */
} graph;

/* Parameters are declared in state-dict order, which is not always forward order. Each returns the
 * index of the first one. */
int graph_declare_convolution(graph *g, const char *name, int cin, int cout, int kernel, bool bias);
int graph_declare_batchnorm(graph *g, const char *name, int channels);
int graph_declare_linear(graph *g, const char *name, int in, int out);

/* Nodes; each returns its index. */
int graph_input(graph *g, int size);
int graph_convolution(graph *g, int input, int parameters, bool bias, convolution_shape shape);
int graph_batchnorm(graph *g, int input, int parameters, bool relu, int residual);
int graph_max_pool(graph *g, int input, int kernel, int stride, int pad, bool detached);
int graph_average_pool(graph *g, int input);
int graph_concat(graph *g, int first, int second);
int graph_linear(graph *g, int input, int parameters, int out);

/* Settles who needs gradients, after parameters have been frozen or thawed. */
status graph_finish(graph *g, bool training, error *err);
void graph_free(graph *g);

/* Whether node n, of a finished graph, runs a convolution in that direction. */
bool graph_convolves(const graph *g, const node *n, enum convolution_direction direction);

/* The network of the options: model/hcnn.c. */
status hcnn_build(const network_options *options, graph *g, error *err);

/* Backbones: model/wide_resnet.c. Builds stages 1..stages behind the input and returns the last
 * node. */
typedef struct backbone {
    const char *name;
    int stem_channels;
    int planes[4], blocks[4];
} backbone;

enum { BACKBONE_EXPANSION = 4, BACKBONE_WIDENING = 2 };

const backbone *backbone_find(const char *name);
int backbone_build(graph *g, const backbone *b, const char *prefix, enum stem stem, int input,
                   int stages);

#endif
