"""What a test reads from a page: pixels, and values in the kernel."""

import json

INK = """(chart) => {
    const {width, height} = chart.querySelector('canvas');
    const data = chart.querySelector('canvas').getContext('2d').getImageData(0, 0, width, height).data;
    return data.reduce((sum, value, i) => (sum * 31 + value) % 1000003, 0);
}"""


def ask(page, code):
    """What an expression is in the kernel, as JSON."""
    return json.loads(
        page.evaluate(
            """async (code) => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const future = kernel.requestExecute({code: `import json; print(json.dumps(${code}))`});
                let text = '';
                future.onIOPub = (message) => { text += message.content.text ?? ''; };
                await future.done;
                return text;
            }""",
            code,
        )
    )
