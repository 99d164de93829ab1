// SPDX-License-Identifier: Apache-2.0
/* What the page asks of a run: its series, its best values, its evaluation. */

const RUN_COLOURS = 8;

/* Each run's object with its number, and a name that no other one has: runs of several stores may
 * be called the same. */
function prepareRuns(runs) {
    const isTaken = run => runs.some(other => other !== run && other.name === run.name);
    return runs.map((run, index) => ({...run, index, epochSteps: findEpochSteps(run),
                                      name: isTaken(run) ? run.directory || run.name : run.name}));
}

/* The class that gives a run its colour and, beyond eight, its dashes. */
function runClass(run) {
    const turn = Math.min(3, Math.floor(run.index / RUN_COLOURS));
    return `run-${run.index % RUN_COLOURS} dash-${turn}`;
}

function runMark(run) {
    return svg('svg', {class: `mark ${runClass(run)}`, width: 22, height: 10, 'aria-hidden': true},
               svg('line', {x1: 1, y1: 5, x2: 21, y2: 5}));
}

/* A name with the mark of its colour. */
function runLabel(run) {
    return el('span', {class: 'run-label'}, runMark(run),
              el('span', {class: 'run-name', title: run.directory || run.name}, run.name));
}

/* The steps at which epochs ended: those of what is logged once an epoch. */
function findEpochSteps(run) {
    const name = ['validation/loss', 'train/loss'].find(key => run.series[key]) ||
                 Object.keys(run.series).find(key => /^(validation|train)\//.test(key));
    return name ? run.series[name].step : [];
}

/* Steps as epochs and parts of them. */
function toEpochs(run, steps) {
    const ends = run.epochSteps;
    let epoch = 0;
    return steps.map(step => {
        while (epoch < ends.length - 1 && step > ends[epoch])
            epoch++;
        const begin = epoch > 0 ? ends[epoch - 1] : 0;
        const length = (ends[epoch] || step || 1) - begin;
        return epoch + (length > 0 ? (step - begin) / length : 0);
    });
}

function values(run, name) {
    const series = run.series[name];
    return series ? series.value.filter(isNumber) : [];
}

function largest(run, name) {
    const all = values(run, name);
    return all.length ? all.reduce((a, b) => Math.max(a, b)) : null;
}

function last(run, name) {
    const all = values(run, name);
    return all.length ? all[all.length - 1] : null;
}

function mean(list) {
    return list.length ? list.reduce((a, b) => a + b, 0) / list.length : null;
}

function median(list) {
    const sorted = [...list].sort((a, b) => a - b);
    return sorted.length ? sorted[Math.floor(sorted.length / 2)] : null;
}

/* Of n - 1. */
function deviation(list) {
    if (list.length < 2)
        return null;
    const middle = mean(list);
    return Math.sqrt(list.reduce((a, b) => a + (b - middle) ** 2, 0) / (list.length - 1));
}

/* The share of right answers in a matrix of counts. */
function accuracy(matrix, undecided) {
    let right = 0;
    let all = undecided || 0;
    matrix.forEach((row, label) => row.forEach((images, answer) => {
        all += images;
        right += label === answer ? images : 0;
    }));
    return all > 0 ? right / all : null;
}

/* Fine answers as those of their parents. */
function foldMatrix(evaluation) {
    const size = evaluation.coarse_classes.length;
    const folded = Array.from({length: size}, () => Array(size).fill(0));
    evaluation.fine.forEach((row, label) => row.forEach((images, answer) => {
        folded[evaluation.parents[label]][evaluation.parents[answer]] += images;
    }));
    return folded;
}

/* The head's own matrix, or what the fine answers say where there is no head. */
function coarseMatrix(evaluation) {
    return evaluation.coarse || foldMatrix(evaluation);
}

/* fine_top1 or coarse_top1 of the images that decided nothing, if they were measured. */
function testScore(run, metric) {
    for (const part of ['test_half', 'test']) { /* a half: the other one decided what is best */
        const value = last(run, `${part}/${metric}`);
        if (value !== null)
            return value;
    }
    const e = run.evaluation;
    if (!e || !e.set.startsWith('test') || (metric === 'coarse_top1' && !e.coarse))
        return null;
    return accuracy(metric === 'coarse_top1' ? e.coarse : e.fine, e.undecided);
}

/* By its end or, while it goes on, by the last that was heard of it. */
function runTime(run) {
    const end = run.ended > 0 ? run.ended : run.updated;
    return run.started > 0 && end >= run.started ? end - run.started : null;
}

function speedName(run) {
    return Object.keys(run.series).find(name => /(^|\/)images_per_second$/.test(name));
}

/* The runs of a chooser, and the one that is chosen now. */
function evaluatedRuns(runs) {
    return runs.filter(run => run.evaluation);
}

function chosenRun(runs) {
    const list = evaluatedRuns(runs);
    return list.find(run => run.name === state.run) || list[0] || null;
}
