"""Installation, with colcon on a robot and with pip anywhere else."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

NAME = 'espnet_ros'
# Read, not imported: the packages it needs may not be there yet.
VERSION = re.findall(r"__version__ = '(.+)'", Path(NAME, '__init__.py').read_text('utf-8'))[0]


def share(top: str) -> list[tuple[str, list[str]]]:
    """Return the files of a folder and its subfolders as ``data_files`` under share/."""
    folders = [Path(top), *(path for path in sorted(Path(top).rglob('*')) if path.is_dir())]
    return [
        (f'share/{NAME}/{folder}', [str(p) for p in sorted(folder.iterdir()) if p.is_file()])
        for folder in folders
        if folder.name != '__pycache__'
    ]


# One ROS 2 release throughout (Kilted): the type support and the type hashes of another do not
# fit, so a newer message wheel beside an older rclpy fails to load or is not heard.
ROS = [
    'ros-rclpy[fastrtps]~=9.1.2',
    'ros-diagnostic-msgs~=5.5.1',
    'ros-geometry-msgs~=5.5.1',
    'ros-lifecycle-msgs~=2.3.0',
    'ros-nav-msgs~=5.5.1',
    'ros-sensor-msgs~=5.5.1',
    'ros-std-msgs~=5.5.1',
    'ros-std-srvs~=5.5.1',
]

DEMO = [
    *ROS,
    'av',
    'opencv-python-headless>=4.5.4',
    'openvino>=2025.0',
    'tqdm',
]

TORCH = [
    # Held because 2.13 is where the training figures were made and the faults of its CPU bf16
    # kernels are known; each release changes which of them are right.
    'torch==2.13.0',
    'onnx>=1.16',
    # Each exported graph is run and compared.
    'onnxruntime>=1.18',
    'safetensors>=0.4',
]

# For SOAP, which PyTorch itself does not have.
OPTIMIZER = 'pytorch-optimizer>=4.1'

TRAIN = [*TORCH, OPTIMIZER, 'opencv-python-headless>=4.5.4', 'tensorboard', 'tqdm']

TEST = [
    *DEMO,
    *TORCH,
    OPTIMIZER,
    'colcon-core',
    'colcon-ros',
    'hypothesis',
    # Held because each release brings rules that unchanged code fails.
    'mypy==2.4.1',
    'pytest>=8',
    'pytest-xdist>=3.2',
    'ruff==0.17.6',
    'tensorboard',
    # 95 MB, and with it the parser and the builder of TensorRT run without a GPU.
    'tensorrt-rtx-cu12>=1.7; platform_machine == "x86_64"',
    'types-PyYAML',
]

setup(
    name=NAME,
    version=VERSION,
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed', 'demo/true_masks/*']},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        *share('config'),
        *share('launch'),
        *share('models'),
        *share('rviz'),
    ],
    # OpenCV is needed too, but not named: the cv2 of a Linux distribution carries no metadata
    # under any of its pip names, so naming one would fail or fetch a second copy over it.
    install_requires=['numpy>=1.21', 'PyYAML'],
    extras_require={'ros': ROS, 'demo': DEMO, 'train': TRAIN, 'test': TEST},
    python_requires='>=3.10',
    zip_safe=True,
    author='The espnet_ros maintainers',
    maintainer='The espnet_ros maintainers',
    maintainer_email='maintainers@espnet-ros.invalid',
    description='Semantic masks and Nav2-ready costmaps from an ordinary camera, with ESPNet.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'espnet_ros = espnet_ros.cli.main:main',
            'segmentation = espnet_ros.ros.segmentation_node:main',
        ],
    },
)
