// SPDX-License-Identifier: Apache-2.0
/* The tree of classes with the share of each that was recognised. */

function recall(matrix, index) {
    const total = matrix[index].reduce((a, b) => a + b, 0);
    return total > 0 ? matrix[index][index] / total : null;
}

/* The wrong answer that was given most often, or null. */
function usualMistake(matrix, index, names) {
    let most = null;
    matrix[index].forEach((images, answer) => {
        if (answer !== index && images > 0 && (!most || images > most.images))
            most = {images, name: names[answer]};
    });
    return most;
}

function classNode(matrix, index, names) {
    return {name: names[index], recall: recall(matrix, index),
            images: matrix[index].reduce((a, b) => a + b, 0),
            mistake: usualMistake(matrix, index, names)};
}

function classTree(evaluation) {
    const coarse = coarseMatrix(evaluation);
    return evaluation.coarse_classes.map((_, parent) => ({
        ...classNode(coarse, parent, evaluation.coarse_classes),
        children: indicesOf(evaluation, parent).map(
            fine => classNode(evaluation.fine, fine, evaluation.fine_classes)),
    }));
}

/* Classes without images come last. */
function ordered(nodes, order) {
    const byName = (a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
    const sign = order === 'best' ? -1 : 1;
    const byRecall = (a, b) => (a.recall === null) - (b.recall === null) ||
                               sign * (a.recall - b.recall) || byName(a, b);
    return [...nodes].sort(order === 'name' ? byName : byRecall);
}

function classRow(node, kind) {
    return [el('span', {class: 'class-name', title: node.name}, node.name),
            bar(node.recall, kind),
            el('span', {class: 'class-recall'}, percent(node.recall, 1)),
            el('span', {class: 'class-mistake'},
               node.mistake && ['mostly taken for ', node.mistake.name,
                                ` (${count(node.mistake.images)} of ${count(node.images)})`])];
}

function treeBranch(node) {
    const remember = event => {
        const others = state.treeOpen.filter(name => name !== node.name);
        setState({treeOpen: event.target.open ? [...others, node.name] : others});
    };
    return el('details', {open: state.treeOpen.includes(node.name), ontoggle: remember},
              el('summary', {}, classRow(node, 'both')),
              el('ul', {}, ordered(node.children, state.treeOrder).map(
                  child => el('li', {}, classRow(child, 'fine')))));
}

function treeTools(runs, draw) {
    const orders = [['name', 'by name'], ['worst', 'worst first'], ['best', 'best first']];
    const order = selectBox('Order of classes', orders, state.treeOrder, treeOrder => {
        setState({treeOrder});
        draw();
    });
    order.id = 'tree-order';
    const open = all => () => {
        const names = all ? chosenRun(runs).evaluation.coarse_classes : [];
        setState({treeOpen: [...names]});
        draw();
    };
    return el('div', {class: 'tools'}, runChooser(runs, 'Run of the tree of classes'),
              el('label', {class: 'control'}, 'Order', order),
              button('Open all', open(true)), button('Close all', open(false)),
              evaluationNote(runs));
}

function treeSection(runs) {
    const title = 'Classes';
    if (!chosenRun(runs))
        return section('classes', title, null, emptyLine('No run has left an evaluation yet.'));
    const list = el('div', {class: 'card tree', id: 'tree'});
    const draw = () => list.replaceChildren(
        ...ordered(classTree(chosenRun(runs).evaluation), state.treeOrder).map(treeBranch));
    whenChosen(draw);
    return section('classes', title, 'The share of each class\'s images that was recognised: ' +
                   'superclasses, and within them their fine classes.',
                   treeTools(runs, draw), list);
}
