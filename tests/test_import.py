"""``import effv2viz`` is light, and every public name is there."""

import subprocess
import sys


def test_importing_the_package_loads_no_torch():
    code = (
        "import sys, effv2viz; heavy = {'torch', 'torchvision', 'numpy', 'matplotlib', 'ipywidgets', 'captum'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there():
    import effv2viz

    assert all(callable(getattr(effv2viz, name)) for name in effv2viz.__all__)
    assert set(effv2viz.__all__) <= set(dir(effv2viz))
