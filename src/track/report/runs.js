// SPDX-License-Identifier: Apache-2.0
/* What the page needs to know about a run: its colour, its series, its best values, its
 * evaluation. */

const FINE = 'var(--c1)';   /* fine classes alone */
const COARSE = 'var(--c0)'; /* coarse classes, or both */
const RUN_COLOURS = 8;
const DASHES = ['none', '7 3', '2 3', '9 3 2 3'];

/* Copies of the runs, each with its number and a unique name: runs of several stores may have the
 * same name. */
function prepareRuns(runs) {
    const isTaken = run => runs.some(other => other !== run && other.name === run.name);
    return runs.map((run, index) => ({...run, index, epochSteps: findEpochSteps(run),
                                      name: isTaken(run) ? run.directory || run.name : run.name}));
}

function runColour(run) {
    return `var(--c${run.index % RUN_COLOURS})`;
}

/* The colour of a run and, beyond eight runs, its dashes. */
function runStyle(run) {
    return {'--run': runColour(run),
            '--dash': DASHES[Math.min(3, Math.floor(run.index / RUN_COLOURS))]};
}

function runMark(run) {
    return svg('svg', {class: 'mark', style: runStyle(run), width: 22, height: 10,
                       'aria-hidden': true}, svg('line', {x1: 1, y1: 5, x2: 21, y2: 5}));
}

/* The name of a run, with a mark in its colour. */
function runLabel(run) {
    return el('span', {class: 'run-label'}, runMark(run),
              el('span', {class: 'run-name', title: run.directory || run.name}, run.name));
}

function stateBadge(run) {
    return el('span', {class: `badge ${run.state}`, title: run.message || null}, run.state);
}

/* The steps at which epochs ended, taken from a series that is logged once per epoch. */
function findEpochSteps(run) {
    const names = ['validation/loss', 'train/loss', ...Object.keys(run.series).filter(
        name => /^(validation|train)\//.test(name))];
    return run.series[names.find(name => run.series[name])]?.step ?? [];
}

/* Converts steps to epochs and fractions of them. */
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
    return run.series[name]?.value.filter(isNumber) ?? [];
}

/* The best value of a metric in validation, or null. */
function bestValidation(run, metric) {
    const all = values(run, `validation/${metric}`);
    return all.length ? Math.max(...all) : null;
}

/* The share of right answers in a matrix of counts. */
function accuracy(matrix, undecided) {
    const all = sum(matrix.flat()) + (undecided || 0);
    return all > 0 ? sum(matrix.map((row, label) => row[label])) / all : null;
}

/* The matrix of the fine answers, with each class replaced by its parent. */
function foldMatrix({coarse_classes: classes, parents, fine}) {
    const folded = classes.map(() => classes.map(() => 0));
    fine.forEach((row, label) => row.forEach((images, answer) => {
        folded[parents[label]][parents[answer]] += images;
    }));
    return folded;
}

/* The matrix of the coarse head or, if there is none, that of the fine answers' parents. */
function coarseMatrix(evaluation) {
    return evaluation.coarse || foldMatrix(evaluation);
}

/* fine_top1 or coarse_top1 on images that took no part in choosing the best checkpoint, if it was
 * measured. If there is a test_half, the other half of the test set was used for that choice. */
function testScore(run, metric) {
    const logged = ['test_half', 'test'].flatMap(
        part => values(run, `${part}/${metric}`).slice(-1))[0];
    const e = run.evaluation;
    const matrix = e?.set.startsWith('test') && (metric === 'coarse_top1' ? e.coarse : e.fine);
    return logged ?? (matrix ? accuracy(matrix, e.undecided) : null);
}

/* Seconds from the start to the end or, for a run that has not ended, to its last update. */
function runTime(run) {
    const end = run.ended > 0 ? run.ended : run.updated;
    return run.started > 0 && end >= run.started ? end - run.started : null;
}

function speedName(run) {
    return Object.keys(run.series).find(name => /(^|\/)images_per_second$/.test(name));
}
