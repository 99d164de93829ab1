// SPDX-License-Identifier: Apache-2.0
/* The sections that show the evaluation of one run: the confusion matrix, the tree of classes and
 * the worst mistakes. */

/* The chosen run among those that have an evaluation. */
function chosenRun(runs) {
    return runs.find(run => run.name === state.run) || runs[0];
}

/* "validation, epoch 12: 5,000 images". */
function evaluationFacts({set, epoch, images, undecided}) {
    return `${set}${isNumber(epoch) ? `, epoch ${epoch}` : ''}: ${plural(images, 'image')}` +
           (undecided > 0 ? `, ${count(undecided)} of them without an answer` : '');
}

/* The chooser of the run, other controls, and what was evaluated. */
function evaluationTools(runs, label, ...more) {
    const chooser = selectBox(label, runs.map(run => [run.name, run.name]), state.run,
                              run => setState({run}));
    const facts = el('span', {class: 'note inline'});
    watch(['run'], () => {
        chooser.value = chosenRun(runs).name;
        facts.textContent = evaluationFacts(chosenRun(runs).evaluation);
    });
    return el('div', {class: 'tools'}, control('Run', chooser), more, facts);
}

/* The fine classes of a coarse class. */
function membersOf({parents}, parent) {
    return [...parents.keys()].filter(fine => parents[fine] === parent);
}

/* ---- Confusion ---- */

function viewOptions(evaluation) {
    const head = evaluation.coarse ? 'coarse classes' : 'coarse classes, by the fine answer';
    return [['fine', 'all fine classes'], ['coarse', head],
            ['Within a superclass', evaluation.coarse_classes
                .map((name, parent) => [String(parent), name])
                .filter((_, parent) => membersOf(evaluation, parent).length)]];
}

function cellText(cell, opens) {
    if (!cell)
        return [`Point at a cell to read it${opens ? ', click to open its superclass' : ''}.`];
    return [el('strong', {}, cell.label), cell.label === cell.answer ? ' answered ' : ' taken for ',
            el('strong', {}, cell.answer), `: ${plural(cell.images, 'image')}, `,
            `${percent(cell.share, 1)} of the label`];
}

function confusionContent(runs) {
    const said = el('p', {class: 'said', role: 'status', id: 'matrix-said'});
    const choose = choice => setState({matrix: choice});
    const views = el('span');
    const back = button('All classes', () => choose('fine'), {id: 'matrix-back'});
    const matrix = new Matrix(
        cell => said.replaceChildren(...cellText(cell, matrix.view.kind !== 'block')), choose);
    watch(['run', 'matrix'], () => {
        const {evaluation} = chosenRun(runs);
        const view = matrixView(evaluation, state.matrix);
        views.replaceChildren(selectBox('Part of the matrix', viewOptions(evaluation),
                                        view.kind === 'block' ? state.matrix : view.kind, choose));
        back.disabled = view.kind === 'fine';
        matrix.set(view);
    });
    watch(['theme'], () => matrix.draw());
    const legend = el('p', {class: 'matrix-legend'}, el('span', {class: 'swatch right'}), 'right',
                      el('span', {class: 'swatch wrong'}), 'wrong; a stronger colour is a larger ' +
                      'share of the label\'s images. Rows are labels, columns are answers.');
    return [leadLine('What the images of each class were taken for.'),
            evaluationTools(runs, 'Run of the confusion matrix', control('Show', views), back),
            el('div', {class: 'card'}, said, matrix.node, legend)];
}

/* ---- Classes ---- */

/* A class of a matrix: its recall and its most frequent wrong answer. */
function classNode(matrix, names, label) {
    const row = matrix[label];
    const images = sum(row);
    const wrong = row.map((images, answer) => answer === label ? 0 : images);
    const most = Math.max(...wrong);
    return {name: names[label], recall: images > 0 ? row[label] / images : null,
            mistake: most > 0 && ['mostly taken for ', names[wrong.indexOf(most)],
                                  ` (${count(most)} of ${count(images)})`]};
}

/* Classes without images come last. */
function ordered(nodes) {
    const byName = (a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    const sign = state.treeOrder === 'best' ? -1 : 1;
    const byRecall = (a, b) => (a.recall === null) - (b.recall === null) ||
                               sign * (a.recall - b.recall) || byName(a, b);
    return nodes.sort(state.treeOrder === 'name' ? byName : byRecall);
}

function classRow(node, colour) {
    return [el('span', {class: 'class-name', title: node.name}, node.name),
            bar(node.recall, colour),
            el('span', {class: 'class-recall'}, percent(node.recall, 1)),
            el('span', {class: 'class-mistake'}, node.mistake)];
}

function treeBranch(evaluation, {label, ...node}) {
    const children = membersOf(evaluation, label).map(
        fine => classNode(evaluation.fine, evaluation.fine_classes, fine));
    const remember = event => setState(
        {treeOpen: including(state.treeOpen, node.name, event.target.open)});
    return el('details', {open: state.treeOpen.includes(node.name), ontoggle: remember},
              el('summary', {}, classRow(node, COARSE)),
              el('ul', {}, ordered(children).map(
                  child => el('li', {}, classRow(child, 'var(--c5)')))));
}

function classesContent(runs) {
    const list = el('div', {class: 'card tree', id: 'tree'});
    const order = selectBox('Order of classes', [['name', 'by name'], ['worst', 'worst first'],
        ['best', 'best first']], state.treeOrder, treeOrder => setState({treeOrder}), 'tree-order');
    const openAll = (text, open) => button(text, () => list.childNodes.forEach(branch => {
        branch.open = open;
    }));
    watch(['run', 'treeOrder'], () => {
        const {evaluation} = chosenRun(runs);
        const matrix = coarseMatrix(evaluation);
        const nodes = evaluation.coarse_classes.map(
            (_, label, names) => ({...classNode(matrix, names, label), label}));
        list.replaceChildren(...ordered(nodes).map(node => treeBranch(evaluation, node)));
    });
    return [leadLine('The share of each class\'s images that was recognised, for superclasses ' +
                     'and for the fine classes within them.'),
            evaluationTools(runs, 'Run of the tree of classes', control('Order', order),
                            openAll('Open all', true), openAll('Close all', false)), list];
}

/* ---- Worst mistakes ---- */

function pictureOf({picture, image}) {
    return picture?.startsWith('data:image/png;base64,')
        ? el('img', {src: picture, alt: `image ${image}`, loading: 'lazy'})
        : el('div', {class: 'no-picture'}, 'no picture');
}

function mistakeCard(mistake, names) {
    const {probability} = mistake;
    return el('li', {class: 'card mistake'}, pictureOf(mistake),
              el('div', {class: 'mistake-text'},
                 el('p', {class: 'label'}, el('span', {class: 'faint'}, 'is '),
                    names[mistake.label]),
                 el('p', {class: 'answer'}, el('span', {class: 'faint'}, 'taken for '),
                    names[mistake.answer]),
                 el('p', {class: 'faint small'}, `loss ${number(mistake.loss, 3)}, probability `,
                    probability < 1e-4 ? number(probability, 1) : percent(probability)),
                 el('p', {class: 'faint small path', title: mistake.image}, mistake.image)));
}

function mistakesContent(runs) {
    const list = el('ul', {class: 'mistakes'});
    watch(['run'], () => {
        const {worst, fine_classes: names} = chosenRun(runs).evaluation;
        list.replaceChildren(...worst.length ? worst.map(mistake => mistakeCard(mistake, names))
                                 : [el('li', {class: 'empty'}, 'Every image was recognised.')]);
    });
    return [leadLine('Wrong fine answers, highest loss first, with the probability of the label.'),
            evaluationTools(runs, 'Run of the mistakes'), list];
}
