// SPDX-License-Identifier: Apache-2.0
/* The section of the confusion matrix, and the chooser of the run whose classes are shown. */

/* "validation, epoch 12: 5,000 images". */
function evaluationFacts(evaluation) {
    const epoch = isNumber(evaluation.epoch) ? `, epoch ${evaluation.epoch}` : '';
    const undecided = evaluation.undecided > 0
        ? `, ${count(evaluation.undecided)} of them without an answer` : '';
    return `${evaluation.set}${epoch}: ${plural(evaluation.images, 'image', 'images')}${undecided}`;
}

function chooseRun(name) {
    setState({run: name});
    document.dispatchEvent(new Event('run'));
}

/* Draws now, and again when another run is chosen. */
function whenChosen(draw) {
    document.addEventListener('run', draw);
    draw();
}

function runChooser(runs, label) {
    const options = evaluatedRuns(runs).map(run => [run.name, run.name]);
    const select = selectBox(label, options, chosenRun(runs).name, chooseRun);
    document.addEventListener('run', () => {
        select.value = chosenRun(runs).name;
    });
    return el('label', {class: 'control'}, 'Run', select);
}

function evaluationNote(runs) {
    const note = el('span', {class: 'note inline'});
    const write = () => {
        note.textContent = evaluationFacts(chosenRun(runs).evaluation);
    };
    whenChosen(write);
    return note;
}

function viewOptions(evaluation) {
    const head = evaluation.coarse ? 'coarse classes' : 'coarse classes, by the fine answer';
    return [['fine', 'all fine classes'], ['coarse', head],
            ['Within a superclass', evaluation.coarse_classes
                .map((name, parent) => [String(parent), name])
                .filter(([parent]) => indicesOf(evaluation, Number(parent)).length)]];
}

function cellText(cell, opens) {
    if (!cell)
        return [`Point at a cell to read it${opens ? ', click to open its superclass' : ''}.`];
    return [el('strong', {}, cell.label), cell.label === cell.answer ? ' answered ' : ' taken for ',
            el('strong', {}, cell.answer), `: ${plural(cell.images, 'image', 'images')}, `,
            `${percent(cell.share, 1)} of the label`];
}

function matrixLegend() {
    return el('p', {class: 'matrix-legend'}, el('span', {class: 'swatch right'}), 'right',
              el('span', {class: 'swatch wrong'}),
              'wrong; stronger: a larger share of the label\'s images. Rows are labels, columns ' +
              'answers.');
}

function confusionSection(runs) {
    const title = 'Confusion';
    if (!chosenRun(runs))
        return section('confusion', title, null,
                       emptyLine('No run has left an evaluation yet: training writes one when ' +
                                 'an epoch is the best so far.'));
    const said = el('p', {class: 'said', role: 'status', id: 'matrix-said'}, cellText(null, true));
    const views = el('span', {});
    const back = button('All classes', () => show('fine'), {id: 'matrix-back'});
    const tell = cell => said.replaceChildren(...cellText(cell, matrix.view.kind !== 'block'));
    const matrix = new Matrix(tell, view => show(view));
    const show = choice => {
        const evaluation = chosenRun(runs).evaluation;
        setState({matrix: choice});
        const view = matrixView(evaluation, choice);
        views.replaceChildren(selectBox('Part of the matrix', viewOptions(evaluation),
                                        view.kind === 'block' ? choice : view.kind, show));
        back.disabled = view.kind === 'fine';
        matrix.set(view);
        tell(null);
    };
    whenChosen(() => show(state.matrix));
    return section('confusion', title, 'What the images of each class were taken for.',
        el('div', {class: 'tools'}, runChooser(runs, 'Run of the confusion matrix'),
           el('label', {class: 'control'}, 'Show', views), back, evaluationNote(runs)),
        el('div', {class: 'card'}, said, matrix.node, matrixLegend()));
}
