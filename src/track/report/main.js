// SPDX-License-Identifier: Apache-2.0
/* Puts the page together from the document that is embedded in it. */

function sectionLinks(sections) {
    return sections.map(node => el('a', {href: `#${node.id}`},
                                   node.querySelector('h2').textContent));
}

function drawPage() {
    const page = JSON.parse(document.getElementById('document').textContent);
    const runs = prepareRuns(page.runs);
    loadState();
    applyTheme();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme);
    document.getElementById('header').append(...headerContent(page));
    const sections = [runsSection(runs), comparisonSection(runs), curvesSection(runs),
                      confusionSection(runs), treeSection(runs), mistakesSection(runs),
                      speedSection(runs), configurationSection(runs)];
    if (page.sweep)
        sections.splice(2, 0, sweepSection(page.sweep));
    document.getElementById('sections').append(...sectionLinks(sections));
    document.getElementById('main').replaceChildren(...sections);
    keepScroll();
}

drawPage();
